"""Shapes of live streams: what they are asked for, and the data of their events."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from service.api.shapes.answers import AttemptAnswer, Shape
from service.api.shapes.bodies import EventHook, OneOf
from service.api.shapes.queries import refuse_unknown_filters
from service.domain.delivery import Outcome


class AttemptStreamQuery(BaseModel):
    """A selection of the attempts to come."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    filter_hook_id: Annotated[str, Field(max_length=64)] | None = None
    """The webhook."""
    filter_hook: EventHook | None = None
    """The hook of the event."""
    filter_outcome: Annotated[str, OneOf(tuple(Outcome))] | None = None
    """The outcome, as Switchhook classifies it."""
    filter_result: Literal["success", "failure"] | None = None
    """Success or failure."""
    filter_call_id: str | None = None
    filter_delivery_id: str | None = None
    call_id: str | None = None
    """Short for `filter_call_id`."""

    @model_validator(mode="before")
    @classmethod
    def _has_known_filters(cls, given: Any) -> Any:
        refuse_unknown_filters(given, cls)
        return given


class EventStreamQuery(BaseModel):
    """The events to come, and the requests to make of them."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    hook: Annotated[str, Field(max_length=2000)] | None = None
    """Hooks, or patterns such as `channel_*`, separated by commas; by default `all`."""
    http_verb: Annotated[str, OneOf(("get", "post", "put", "delete"), lower=True)] = "post"
    """The method of the requests."""
    format: Literal["json", "form-data"] = "json"
    """How a body is written."""
    include_subaccounts: bool = False
    """Include the events of all accounts below."""


class StreamStart(Shape):
    """The first event of a stream, `start`."""

    heartbeat_s: float
    """Seconds between two comments on a quiet stream."""
    secret: str | None = None
    """Signs the requests of this stream, and nothing else."""
    hooks: list[str] | None = None
    """The hooks that the patterns named."""


class StreamLoss(Shape):
    """An event `dropped`: items that are missing at this place."""

    count: int
    """How many, those that the filters would have left out included."""


class StreamEnd(Shape):
    """The last event of a stream, `end`."""

    reason: str


class StreamedAttempt(Shape):
    """The data of a stream's events by the name of the event."""

    start: StreamStart | None = None
    attempt: AttemptAnswer | None = None
    dropped: StreamLoss | None = None
    end: StreamEnd | None = None


class LiveRequest(Shape):
    """The request that a webhook would get for an event."""

    id: str
    """The `webhook-id`."""
    account_id: str
    """The account of the event."""
    hook: str
    event_name: str
    call_id: str | None
    method: str
    query: str
    """What is appended to the URI, byte for byte; empty unless the method is GET."""
    headers: dict[str, str]
    body: str | None


class StreamedRequest(Shape):
    """The data of a stream's events by the name of the event."""

    start: StreamStart | None = None
    request: LiveRequest | None = None
    dropped: StreamLoss | None = None
    end: StreamEnd | None = None
