"""HTTP requests to endpoints, over one bounded pool."""
