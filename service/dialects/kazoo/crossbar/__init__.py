"""Crossbar, Kazoo's REST API, as a client: import of webhooks, sync of accounts, tokens."""
