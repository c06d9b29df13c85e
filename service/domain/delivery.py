"""One event owed to one webhook: its identity, its attempts, and how each of them ended."""

import random
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b
from typing import Any

from service.domain.immutable import immutable
from service.domain.trace import trace_id_of


class Outcome(StrEnum):
    """How an attempt ended. A value is a metric label and stands in the attempt log."""

    SUCCEEDED = "succeeded"
    BAD_STATUS = "bad_status"
    THROTTLED = "throttled"
    GONE = "gone"
    REDIRECTED = "redirected"
    TIMED_OUT = "timed_out"
    CONNECT_TIMED_OUT = "connect_timed_out"
    REFUSED = "refused"
    RESET = "reset"
    DNS_FAILED = "dns_failed"
    TLS_FAILED = "tls_failed"
    BAD_RESPONSE = "bad_response"
    UNREACHABLE = "unreachable"
    AUTH_FAILED = "auth_failed"
    EGRESS_REFUSED = "egress_refused"
    INVALID_REQUEST = "invalid_request"
    SHADOWED = "shadowed"
    """None was made: another service does the sending, and this one only watches."""

    @property
    def succeeded(self) -> bool:
        """Whether the receiver took the delivery."""
        return self is Outcome.SUCCEEDED

    @property
    def may_pass(self) -> bool:
        """Whether a later attempt could end otherwise."""
        return self not in _FINAL


_FINAL = frozenset(
    {
        Outcome.SUCCEEDED,
        Outcome.GONE,
        Outcome.EGRESS_REFUSED,
        Outcome.INVALID_REQUEST,
        Outcome.SHADOWED,
    },
)


def outcome_of_status(status: int) -> Outcome:
    """Return what an HTTP status means: any 2xx is success, everything else a failure."""
    if 200 <= status < 300:
        return Outcome.SUCCEEDED
    if 300 <= status < 400:
        return Outcome.REDIRECTED
    if status == 410:
        return Outcome.GONE
    if status in (429, 503):
        return Outcome.THROTTLED
    return Outcome.BAD_STATUS


class DeferReason(StrEnum):
    """Why a delivery was put off without an attempt. A value is a metric label."""

    SATURATED = "saturated"
    """Its endpoint has as many requests in flight as it can take, and the wait would be long."""
    OVER_SHARE = "over_share"
    """Its account holds its share of the places, and the wait would be long."""
    BROKEN = "broken"
    NOTHING_SENT = "nothing_sent"
    """Our own machine could not: it ran out of descriptors, say."""


class DeadLetterReason(StrEnum):
    """Why a delivery was given up. A value is a metric label and stands in the dead letter."""

    EXHAUSTED = "exhausted"
    GONE = "gone"
    EGRESS_REFUSED = "egress_refused"
    INVALID_REQUEST = "invalid_request"
    WEBHOOK_DISABLED = "webhook_disabled"
    DEFERRED_TOO_OFTEN = "deferred_too_often"
    SHADOWED = "shadowed"
    """It was owed by us before we were told to watch only."""
    BUG = "bug"


@dataclass(frozen=True, slots=True)
class PastAttempt:
    """The record of an earlier attempt that a delivery carries along; times are unix seconds."""

    attempt: int
    started_at: float
    duration_s: float
    outcome: Outcome
    status: int | None
    detail: str | None


@immutable
class Delivery:
    """One event owed to one webhook.

    `payload` is the event as JSON, taken when it happened and before the webhook's `custom_data`.
    `account_id` is the webhook's owner; the event may be a descendant's. Times are unix seconds.
    """

    delivery_id: str
    event_id: str
    webhook_id: str
    account_id: str
    hook: str
    event_name: str
    call_id: str | None
    received_at: float
    payload: bytes
    past: tuple[PastAttempt, ...] = ()
    deferrals: int = 0
    webhook: dict[str, Any] | None = None
    """The document of a webhook that no store has: a callflow brought it along."""
    fallback_for: str | None = None
    """The outcome that ended the attempts at the webhook's own URI; its fallback is to be asked."""
    replay_id: str | None = None
    """Which replay revived it."""
    traceparent: str | None = None
    """Of the trace it belongs to; see `domain.trace`."""
    event_account_id: str | None = None
    """Whose event it is, where it is not the webhook's own account's."""
    source: str = ""
    """The dialect of the event; empty in what the first releases wrote."""

    def put_off(self) -> "Delivery":
        """Return it as it is after one more deferral; `replace` would take thrice as long."""
        return Delivery(
            self.delivery_id,
            self.event_id,
            self.webhook_id,
            self.account_id,
            self.hook,
            self.event_name,
            self.call_id,
            self.received_at,
            self.payload,
            self.past,
            self.deferrals + 1,
            self.webhook,
            self.fallback_for,
            self.replay_id,
            self.traceparent,
            self.event_account_id,
            self.source,
        )

    @property
    def owed(self) -> bool:
        """Whether it was deferred, retried or replayed: then no other service would deliver it."""
        return bool(self.past or self.deferrals or self.replay_id)

    @property
    def step(self) -> tuple[str, int, int, str | None]:
        """The identity of this step: delivery, attempt, deferral, replay. No step is done twice."""
        return (self.delivery_id, len(self.past), self.deferrals, self.replay_id)

    @property
    def trace_id(self) -> str | None:
        """Which trace it belongs to."""
        return trace_id_of(self.traceparent) if self.traceparent else None


@immutable
class Request:
    """An HTTP request, signed and complete. `query` is appended to the URI byte for byte."""

    verb: str
    uri: str
    query: str
    headers: dict[str, str]
    body: bytes | None
    timeout_s: float | None = None
    """Seconds until the whole answer must be there; None is the platform's."""
    in_full: bool = False
    """Whether the answer is kept even after a success, for a person to read."""
    account_id: str = ""
    """In whose name it is made; some accounts have a client certificate."""
    https_only: bool = False
    """Whether that account refuses plain http."""


@immutable
class Response:
    """The result of a request. `status` is None where no status line arrived."""

    outcome: Outcome
    status: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    detail: str | None = None
    retry_after_s: float | None = None

    @property
    def endpoint_failed(self) -> bool:
        """Whether the server as a whole seems unwell, rather than one webhook's path on it."""
        return self.outcome in _SERVER_FAULTS or (self.status is not None and self.status >= 500)


_SERVER_FAULTS = frozenset({
    Outcome.TIMED_OUT, Outcome.CONNECT_TIMED_OUT, Outcome.REFUSED, Outcome.RESET,
    Outcome.DNS_FAILED, Outcome.TLS_FAILED, Outcome.BAD_RESPONSE, Outcome.UNREACHABLE,
})  # fmt: skip


@immutable
class Attempt:
    """One HTTP request for a delivery, counted from 1, with all that the attempt log keeps.

    `attempt_id` is the row's. `retries` is what the webhook allowed; `test` marks one that no event
    of the switch caused.
    """

    delivery: Delivery
    attempt: int
    uri: str
    request: Request | None
    response: Response
    started_at: float
    duration_s: float
    attempt_id: str
    retries: int = 0
    test: bool = False

    def as_past(self) -> PastAttempt:
        """Return the short form that travels with the delivery."""
        response = self.response
        return PastAttempt(
            self.attempt,
            self.started_at,
            self.duration_s,
            response.outcome,
            response.status,
            response.detail,
        )


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A delivery given up, with the reason."""

    delivery: Delivery
    reason: DeadLetterReason
    uri: str | None
    died_at: float


def delivery_id_of(event_id: str, webhook_id: str) -> str:
    """Return the id that is the same in every attempt, redelivery and replay; it has no dot in it.

    Standard Webhooks 1.0 joins the signed parts with dots, so the id must not have one.
    """
    return blake2b(f"{event_id}{webhook_id}".encode(), digest_size=16).hexdigest()


def attempt_id_of(started_at: float) -> str:
    """Return a new id of an attempt, 24 hex digits that sort by the time it started."""
    return f"{time_key(started_at)}{random.getrandbits(48):012x}"


def time_key(at: float) -> str:
    """Return what the ids of attempts begin with that started at a time, in unix seconds."""
    return f"{max(0, round(at * 1000)):012x}"
