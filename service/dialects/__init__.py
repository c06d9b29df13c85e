"""The dialects of switches: what each puts on the bus, and how its webhooks are written.

A dialect is one folder and one value (`dialect.Dialect`). `known.dialects_of` makes the values;
everybody else is handed `dialect.Dialects`, and imports nothing of a single dialect.
"""
