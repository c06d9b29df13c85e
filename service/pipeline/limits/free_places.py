"""Free places of a lane, and those that it borrows from another one while they are idle there."""

LENT = 0.5
"""Part of a lane's places that may be lent."""


class FreePlaces:
    """Counts the places of one lane. What is borrowed goes back before the lane's own."""

    __slots__ = ("_borrowed", "_lender", "held", "kept", "own")

    def __init__(self, count: int, lender: "FreePlaces | None" = None) -> None:
        self.held = 0
        """Places that the lane's requests hold, its own and borrowed ones."""
        self.own = count
        """Places that are neither held nor lent."""
        self.kept = count * (1.0 - LENT)
        """Places that are not lent even if they are free."""
        self._lender = lender
        self._borrowed = 0

    @property
    def borrows(self) -> bool:
        """Whether there is a lane to borrow from."""
        return self._lender is not None

    def count(self, *, borrowing: bool) -> float:
        """Return how many are free, with those that may be borrowed or without."""
        if self._lender is None or not borrowing:
            return self.own
        return self.own + max(0.0, self._lender.own - self._lender.kept)

    def take(self) -> None:
        """Take one, which must be free."""
        self.held += 1
        if self.own or self._lender is None:
            self.own -= 1
        else:
            self._borrowed += 1
            self._lender.own -= 1

    def give_back(self) -> None:
        """Give one back."""
        self.held -= 1
        if self._borrowed and self._lender is not None:
            self._borrowed -= 1
            self._lender.own += 1
        else:
            self.own += 1
