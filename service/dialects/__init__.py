"""Dialects of switches: the messages of each on the bus, and the form of its webhook requests.

A dialect is one folder and one value (`dialect.Dialect`). `known.dialects_of` makes the values; all
other code receives `dialect.Dialects` and imports nothing of a single dialect.
"""
