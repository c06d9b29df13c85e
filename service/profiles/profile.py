"""Value that holds everything specific to one profile; the pipeline receives it by its name.

A profile is made of the payload that the dialect gives, so that retries and replays need no other
snapshot. It is free of asyncio and drivers.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from service.dialects.content import Content
from service.dialects.hook import JSON_SCHEMA
from service.domain.event import Event
from service.domain.immutable import immutable
from service.domain.webhook import Webhook

Members = dict[str, Any]
Payload = Mapping[str, Any]


@immutable
class Told:
    """What a request tells: the dialect's payload, the event's account, and when it arrived."""

    payload: Payload
    account_id: str
    received_at: float
    """Unix seconds."""


@dataclass(frozen=True, slots=True)
class RequestKind:
    """A kind of request that a profile knows, and the entry of the catalogue.

    `members` are the JSON Schemas of its members, `required` the names of those always sent.
    `in_json` says whether its body is JSON, rather than a form.
    """

    kind_id: str
    name: str
    description: str
    mode: Literal["informational", "actionable"]
    in_json: bool
    members: Mapping[str, Mapping[str, Any]]
    required: Sequence[str]
    example: Mapping[str, Any]
    version: int = 1

    @property
    def schema_id(self) -> str:
        """The value of the header `X-Switchhook-Schema`."""
        return f"{self.kind_id}/{self.version}"

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON Schema of the members. A webhook's own `custom_data` may add others."""
        return {
            "$schema": JSON_SCHEMA,
            "$id": self.schema_id,
            "title": self.name,
            "description": self.description,
            "type": "object",
            "properties": dict(self.members),
            "required": list(self.required),
            "examples": [dict(self.example)],
        }


def _alone(event: Event) -> Sequence[Event]:
    return (event,)


def _as_it_is(payload: Payload) -> Payload:
    return payload


@dataclass(frozen=True, slots=True)
class Place:
    """The place of a switch's hook or question in a profile."""

    source: str
    hook_id: str
    kind: RequestKind
    members: Callable[[Told], Members | None]
    """Makes the members; None for an event of the hook that has no place."""
    parts: Callable[[Event], Sequence[Event]] = _alone
    """Splits an event into those that are told by themselves, maybe none."""
    sample: Callable[[Payload], Payload] = _as_it_is
    """Makes of the hook's sample one that has a place."""

    @property
    def divides(self) -> bool:
        """Whether events of the hook may be told in several requests, or in none."""
        return self.parts is not _alone


@immutable
class Step:
    """A step in a row of statuses, of which a later one is never followed by an earlier one."""

    row: str
    """What the statuses are of, such as a message to one recipient."""
    rank: int


def _no_step(source: str, hook_id: str, payload: Payload) -> Step | None:  # noqa: ARG001
    return None


@dataclass(frozen=True, slots=True)
class Profile:
    """Everything specific to one profile."""

    name: str
    kinds: tuple[RequestKind, ...]
    places: tuple[Place, ...]
    write: Callable[[RequestKind, Members, Webhook], Content]
    never: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """By source and id of the kind, why no event of this switch makes such a request."""
    step: Callable[[str, str, Payload], Step | None] = _no_step
    """Returns the step that a payload of a source and hook is, or None where order is free."""
    by_hook: Mapping[tuple[str, str], Place] = field(init=False)
    """By source and id of the hook."""

    def __post_init__(self) -> None:
        by_hook = {(place.source, place.hook_id): place for place in self.places}
        object.__setattr__(self, "by_hook", by_hook)
