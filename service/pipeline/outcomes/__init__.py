"""Consequences of an attempt: log line, metrics, attempt log, disabling."""
