"""Values and decisions; no input or output."""
