"""What is followed of calls, and how long: a section of the settings."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_types import Ge, Le


@dataclass(frozen=True, slots=True)
class CallPolicy:
    """Order, summaries and lost ends of calls, for accounts with a webhook that wants them."""

    __pydantic_config__: ClassVar = {"extra": "forbid", "use_attribute_docstrings": True}

    early_ms: Annotated[int, Ge(0), Le(5000)] = 500
    """Milliseconds for which an event that arrives before its predecessor waits for it, where an
    ordered webhook gets it."""
    most_waiting: Annotated[int, Ge(2), Le(200)] = 100
    """Events of one call that wait for one ordered webhook; beyond it the oldest that is not the
    end of a leg becomes a dead letter."""
    settle_s: Annotated[float, Ge(0.1), Le(60.0)] = 3.0
    """Seconds of quiet after the end of a call's last leg until its summary is sent."""
    latest_summary_s: Annotated[float, Ge(1.0), Le(600.0)] = 60.0
    """Seconds after the end of the last leg was seen until the summary is sent, quiet or not."""
    watchdog: bool = True
    """Ask the switch about legs of which nothing was told for long."""
    quiet_unanswered_s: Annotated[float, Ge(1.0), Le(86_400.0)] = 300.0
    """Seconds without an event after which the switch is asked about a leg that was not
    answered."""
    quiet_answered_s: Annotated[float, Ge(1.0), Le(604_800.0)] = 7200.0
    """Seconds without an event after which the switch is asked about an answered leg."""
    ask_again_s: Annotated[float, Ge(0.1), Le(3600.0)] = 30.0
    """Seconds until the switch is asked a second time about a leg that it does not have."""
    recount_after_s: Annotated[float, Ge(0.1), Le(3600.0)] = 20.0
    """Seconds after a start, or a new connection to the broker, until the legs that are followed
    are compared with those that the switches list; longer where events still wait."""

    @property
    def kept_s(self) -> float:
        """Seconds for which a conversation is kept after its last event."""
        return self.quiet_answered_s + 86_400
