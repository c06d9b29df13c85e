"""Publishing to the service's own queues, with confirms."""
