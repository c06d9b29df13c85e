"""Cache of accounts and webhooks, and the current state of a delivery's webhook."""
