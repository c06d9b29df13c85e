"""One module per group of pages; every handler takes a visit and returns a response."""
