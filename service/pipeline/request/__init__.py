"""From an event and a webhook to the signed request, and where it goes."""
