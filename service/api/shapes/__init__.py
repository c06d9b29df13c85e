"""Shapes of requests to the API, and of its answers."""
