"""Egress policy: whether an address may be dialled, with the reason for a refusal; no driver."""
