"""Accounts and webhooks in memory, and the webhook as it is now."""
