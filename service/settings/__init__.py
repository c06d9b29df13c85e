"""The operator's settings: `model` defines them, `load` reads them, `describe` documents them."""
