"""Counted nouns for readable messages."""


def counted(number: int, noun: str) -> str:
    """Return `1 webhook`, `2 webhooks`; for nouns whose plural ends in a plain s."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
