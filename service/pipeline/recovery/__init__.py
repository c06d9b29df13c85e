"""Recovery from unavailable dependencies, duplicate messages and poison messages."""
