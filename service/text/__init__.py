"""Text formats: JSON with exact numbers, plurals, keys, gregorian time."""
