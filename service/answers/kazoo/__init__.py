"""Kazoo's form: callflow JSON."""
