"""Gregorian seconds: Erlang's count from the year 0, which some switches and their APIs use."""

GREGORIAN_OFFSET_S = 62_167_219_200
"""Gregorian seconds of 1970-01-01T00:00:00Z (`calendar:datetime_to_gregorian_seconds`)."""
