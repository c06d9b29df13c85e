"""MongoDB documents, and their conversion to and from domain values."""
