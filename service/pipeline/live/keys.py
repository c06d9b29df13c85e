"""Keys of what a stream wants, as workers announce them to each other."""


def attempts_of(account_id: str) -> str:
    """Return the key of the attempts of an account's webhooks."""
    return f"attempts:{account_id}"


def events_of(account_id: str) -> str:
    """Return the key of an account's own events."""
    return f"events:{account_id}"


def events_below(account_id: str) -> str:
    """Return the key of the events of all accounts below an account."""
    return f"below:{account_id}"
