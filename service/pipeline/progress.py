"""The progress of an unacknowledged message: the pipeline notes it, the lane reads it."""


class Progress:
    """Whether work on one message has begun, and how many of its deliveries wait in line.

    `stuck` counts the waiting deliveries whose line does not move, as their server hangs.
    """

    __slots__ = ("begun", "in_line", "stuck")

    def __init__(self) -> None:
        self.begun = False
        self.in_line = 0
        self.stuck = 0

    @property
    def moving(self) -> bool:
        """Whether one of its deliveries waits in a line that moves."""
        return self.in_line > self.stuck
