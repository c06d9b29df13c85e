"""Domain values and decisions, free of input and output."""
