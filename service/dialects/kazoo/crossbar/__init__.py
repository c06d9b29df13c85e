"""Client of Crossbar, Kazoo's REST API: import of webhooks, sync of accounts, tokens."""
