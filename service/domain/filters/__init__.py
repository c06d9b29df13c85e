"""Filters of a webhook: clauses that an event must satisfy, checked, compiled and explained."""
