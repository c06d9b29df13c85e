"""Queues, exchanges, bindings, policies and permissions on the broker."""
