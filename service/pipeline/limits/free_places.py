"""Free places of a lane, and those that it borrows from another one while they are idle there."""

LENT = 0.5
"""Part of a lane's places that may be lent."""


class FreePlaces:
    """Counts the places of one lane. What is borrowed goes back before the lane's own."""

    __slots__ = ("_borrowed", "held", "kept", "lender", "own")

    def __init__(self, count: int, lender: "FreePlaces | None" = None) -> None:
        self.held = 0
        """Places that the lane's requests hold, its own and borrowed ones."""
        self.own = count
        """Places that are neither held nor lent."""
        self.kept = count * (1.0 - LENT)
        """Places that are not lent even if they are free."""
        self.lender = lender
        """Places of the lane to borrow from."""
        self._borrowed = 0

    def to_borrow(self) -> float:
        """Return how many the lane may borrow now."""
        return 0.0 if self.lender is None else max(0.0, self.lender.own - self.lender.kept)

    def take(self) -> None:
        """Take one of the lane's own if it has one, else borrow one."""
        self.held += 1
        if self.own or self.lender is None:
            self.own -= 1
        else:
            self._borrowed += 1
            self.lender.own -= 1

    def give_back(self) -> None:
        """Give one back."""
        self.held -= 1
        if self._borrowed and self.lender is not None:
            self._borrowed -= 1
            self.lender.own += 1
        else:
            self.own += 1
