"""What may be sent to the API, and what it answers."""
