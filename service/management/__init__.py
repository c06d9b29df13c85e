"""What people do with accounts and webhooks: use cases, whoever asks for them."""
