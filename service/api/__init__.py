"""The HTTP API, health checks and metrics of the service."""
