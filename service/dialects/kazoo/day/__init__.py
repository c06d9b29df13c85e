"""A day of calls as Kazoo tells it, with the truth of each call."""
