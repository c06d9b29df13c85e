"""Decoders of Kazoo's messages, one file per family of events."""
