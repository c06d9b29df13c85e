"""Backlogs of paused webhooks: kept in the store, and sent in order of arrival later."""
