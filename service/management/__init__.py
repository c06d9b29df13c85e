"""Use cases of accounts and webhooks, shared by API, console and command line."""
