"""The frame of the API: from a connection to the handler of an operation, and back."""
