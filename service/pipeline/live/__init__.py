"""Live streams: attempts and events, handed to those who listen while they happen."""
