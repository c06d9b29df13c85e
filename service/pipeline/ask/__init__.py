"""Asking: a call waits for a document, and gets one within its budget, whoever gives it."""
