"""How many messages of a queue a process may hold unacknowledged."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Window:
    """Messages in progress, and parked ones on top of them.

    `in_progress` messages are worked on at a time. Those that are parked do not count, until there
    are `most_messages` altogether, or `most_bytes` in them.
    """

    in_progress: int
    most_messages: int
    most_bytes: int

    def size(self, parked: int, held_bytes: int) -> int:
        """Return how many messages may be held while so many of them are parked."""
        if held_bytes >= self.most_bytes:
            return self.in_progress
        return max(self.in_progress, min(self.in_progress + parked, self.most_messages))
