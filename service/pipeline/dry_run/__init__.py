"""Dry runs: samples, test requests, and why a webhook would not match."""
