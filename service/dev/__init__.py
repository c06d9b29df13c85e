"""Switchhook on one machine, with real servers, a receiver and a call; for newcomers and tests."""
