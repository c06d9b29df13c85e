"""Prefetch window: the number of unacknowledged messages that a process may hold of a queue."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Window:
    """Window that leaves out parked messages.

    `in_progress` messages are worked on at a time. Parked messages come on top, up to
    `most_messages` in total and while all held ones have less than `most_bytes`.
    """

    in_progress: int
    most_messages: int
    most_bytes: int

    def size(self, parked: int, held_bytes: int) -> int:
        """Return how many messages may be held if `parked` of them are parked."""
        if held_bytes >= self.most_bytes:
            return self.in_progress
        return max(self.in_progress, min(self.in_progress + parked, self.most_messages))
