"""Consuming: from the broker's frames to messages in the lanes, and acknowledgements back."""
