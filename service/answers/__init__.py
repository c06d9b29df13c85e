"""Answers of actionable webhooks: their forms, parsers, checks, links and translation."""
