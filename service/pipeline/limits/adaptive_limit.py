"""How many requests an endpoint may have in flight: more while it answers, few otherwise."""

FIRST_LIMIT = 10
"""For an endpoint about which nothing is known."""


class AdaptiveLimit:
    """Grows by one with each answer, so it doubles with each round trip; a failure halves it."""

    __slots__ = ("requests",)

    def __init__(self, most: int) -> None:
        self.requests = min(FIRST_LIMIT, most)

    def answered(self, most: int) -> None:
        """Allow one request more, `most` of them altogether."""
        if self.requests < most:
            self.requests += 1

    def failed(self) -> None:
        """Allow half as many requests; one is always allowed."""
        if self.requests > 1:
            self.requests //= 2
