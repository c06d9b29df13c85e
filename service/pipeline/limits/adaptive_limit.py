"""Adaptive concurrency limit of an endpoint: grows with answers, shrinks with failures."""

FIRST_LIMIT = 10
"""Limit of an endpoint without a history."""


class AdaptiveLimit:
    """Limit that grows by one per answer, so doubles per round trip, and halves per failure."""

    __slots__ = ("requests",)

    def __init__(self, most: int, first: int = FIRST_LIMIT) -> None:
        self.requests = min(first, most)

    def answered(self, most: int) -> None:
        """Allow one more request, up to `most`."""
        if self.requests < most:
            self.requests += 1

    def failed(self) -> None:
        """Allow half as many requests, but at least one."""
        if self.requests > 1:
            self.requests //= 2
