"""Dry runs: samples, test requests, and explanations why a webhook would not match."""
