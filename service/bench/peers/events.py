"""An event of the measurements; its mark survives until the receiver, whoever sends it."""

import itertools
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from service.bench.setting.load import call_event

CALLER_NAME = "Caller-ID-Name"
"""A field of the switch's event that every payload contains unchanged."""


@dataclass(frozen=True, slots=True)
class Event:
    """The `number`th event of a measurement; its age counts from `due_ns`."""

    account_id: str
    call_id: str
    number: int
    due_ns: int = 0

    @property
    def event_id(self) -> str:
        """The same for each publishing of this event, so that a sender can recognise it."""
        return f"{self.call_id}.{self.number}"

    def due(self, due_ns: int) -> "Event":
        """Return the event with the time, in monotonic nanoseconds, from which its age counts."""
        return replace(self, due_ns=due_ns)

    def body(self) -> dict[str, Any]:
        """Return a call event as the switch writes it, with the mark as the caller's name."""
        mark = f"mark|{self.call_id}|{self.number}|{self.due_ns}"
        return {**call_event(self.account_id, self.call_id), CALLER_NAME: mark}


def events(accounts: Sequence[str], calls: int, count: int) -> list[Event]:
    """Return events of each call in turn; call `n` belongs to the `n`th account, in turn."""
    run = uuid.uuid4().hex[:12]
    return [
        Event(accounts[number % calls % len(accounts)], f"{run}-{number % calls}", number)
        for number in range(count)
    ]


def endpoints(accounts: Sequence[str], urls: Sequence[str]) -> Mapping[str, str]:
    """Return an endpoint for each account, of the URLs in turn."""
    return dict(zip(accounts, itertools.cycle(urls), strict=False))
