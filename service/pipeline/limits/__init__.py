"""Concurrency limits: by account, by endpoint, and in each pass of the event loop."""
