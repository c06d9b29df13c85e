"""How far a message in our hands is: the pipeline notes it, and the lane reads it."""


class Progress:
    """Of one message: whether work on it has begun, and how many of its deliveries wait in line.

    `stuck` counts those of them whose line does not move: they wait for somebody else's server.
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
