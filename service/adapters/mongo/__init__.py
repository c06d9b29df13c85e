"""MongoDB: accounts and webhooks, attempts and dead letters, tokens and replays."""
