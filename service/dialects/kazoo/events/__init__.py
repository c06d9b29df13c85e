"""Kazoo's messages, one file for each family of events."""
