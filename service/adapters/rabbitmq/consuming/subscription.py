"""A subscription to one of the broker's queues."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from service.ports import Incoming


@dataclass(frozen=True, slots=True)
class Subscription:
    """A queue, and the lane that takes its messages.

    `prefetch` is the number of unacknowledged messages that one consumer may hold, `window_size`
    returns the current number for all consumers of this process. `note_waiting` is called
    periodically with the backlog: the number of messages that wait in the queue.
    """

    queue: str
    prefetch: int
    window_size: Callable[[], int]
    accept: Callable[[Incoming], None]
    note_waiting: Callable[[int], None]
    arguments: Mapping[str, Any] | None = None
    """The arguments of a queue of requests; see `RequestQueue`. None for one of our others."""
    in_turns: bool = False
    """Whether one worker at a time takes from the queue, and settles before the next begins."""
