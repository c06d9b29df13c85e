"""Broker or store away, messages delivered twice, messages that kill workers."""
