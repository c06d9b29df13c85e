"""How many requests may be in flight: by account, by endpoint, in a round of the event loop."""
