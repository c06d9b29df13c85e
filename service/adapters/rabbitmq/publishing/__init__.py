"""Publishing into our own queues, with confirms."""
