"""The shape of a call in the API."""

from datetime import datetime
from typing import Any

from service.api.shapes.answers import Shape


class EventOfCall(Shape):
    """An event's place in the call."""

    event_id: str
    sequence: int
    open_for: list[str]
    """The ordered webhooks that it is not settled for."""


class WaitingDelivery(Shape):
    """A delivery of an ordered webhook that waits for its turn, or for its next attempt."""

    delivery_id: str
    hook_id: str
    hook: str
    sequence: int
    attempts: int
    """Attempts made so far."""
    begun: bool
    """Whether it was its turn already."""
    due_at: datetime
    """When it is looked at next, or since when a worker has it."""


class CallAnswer(Shape):
    """What is known of a call. `summary` and `legs` have the members of `call_summary`."""

    conversation_id: str
    source: str
    over: bool
    """Whether all legs are gone."""
    revision: int
    """The number of summaries sent."""
    summary: dict[str, Any] | None
    legs: list[dict[str, Any]]
    events: list[EventOfCall]
    waiting: list[WaitingDelivery]
