"""Profiles: how a webhook wants its requests written, whichever switch the event is from."""
