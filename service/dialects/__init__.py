"""The dialects of switches: what each puts on the bus, and how it becomes an event."""
