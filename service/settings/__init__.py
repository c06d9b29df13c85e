"""What an operator sets: `model` has the keys, `load` reads them, `describe` tells of them."""
