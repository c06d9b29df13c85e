"""Switchhook turns the event bus of a switch cluster into reliable, signed webhooks."""

__version__ = "0.1.0"
