"""Shapes of answers about who changed what, and about the running service."""

from datetime import datetime
from typing import Any, Literal

from service.api.shapes.answers import Shape
from service.management.audit import Action


class AuditAnswer(Shape):
    """A change: who made it, and when."""

    id: str
    at: datetime
    action: Action
    by: str
    """The caller: a token, a portal link, `operator` for a command, or a switch's own user."""
    by_label: str | None
    """The name of the caller's token; null for tokens of other accounts."""
    session_id: str | None
    """The session of the console in which it was done."""
    account_id: str | None
    """The account concerned; null where all accounts are."""
    subject_id: str | None
    """The id of the webhook, token, replay, delivery or session."""
    details: dict[str, Any]
    """The members changed with old and new values, or what an order selected; no secrets."""


class WorkerAnswer(Shape):
    """A process that delivers."""

    id: str
    host: str
    pid: int
    number: int | None
    """Its number among the workers of a supervisor; null for a service of one process."""
    version: str
    state: Literal["ok", "failing", "silent"]
    """`silent`: it has not written its state for 20 s. It vanishes after some minutes."""
    failing: dict[str, str]
    """The checks that fail, each with its state."""
    in_flight: int
    """HTTP requests in flight."""
    unsettled: int
    """Messages taken and not yet acknowledged."""
    started_at: datetime
    seen_at: datetime
    last_event_at: datetime | None
    """When it last took an event."""


class CertificateAnswer(Shape):
    """A host whose certificate expires within 14 days, or within a third of its life."""

    host: str
    expires_at: datetime


class Taken(Shape):
    """The number of messages that were moved into the store."""

    taken: int


class BroughtBack(Shape):
    """The number of messages that will be read again."""

    retried: int


class RejectedAnswer(Shape):
    """A message that was rejected."""

    id: str
    reason: str
    """The reason; `dead_lettered` if the broker moved it after too many deliveries."""
    detail: str
    exchange: str
    routing_key: str
    content_encoding: str | None
    size: int
    """Bytes of the body."""
    taken_at: datetime
    """When it was taken from the queue."""
    can_return: bool
    """Whether it can be read again; a request whose caller has gone on cannot."""


class RejectedInFull(RejectedAnswer):
    """A message that was rejected, with its body."""

    body: str
    """At most 256 KiB; bytes that are not UTF-8 become escapes such as `\\xff`."""


class PauseAnswer(Shape):
    """A paused endpoint or account."""

    id: str
    account_id: str | None
    """The paused account; null where an endpoint is."""
    endpoint: str | None
    """The paused endpoint as `scheme://host:port`; null where an account is."""
    by: str
    at: datetime
