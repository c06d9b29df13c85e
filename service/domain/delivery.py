"""Delivery of one event to one webhook: its identity, its attempts and their outcomes."""

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from hashlib import blake2b
from typing import Any

from service.domain.call import CallPosition
from service.domain.freshness import Expiry
from service.domain.immutable import immutable
from service.domain.trace import trace_id_of


class Outcome(StrEnum):
    """Classification of an attempt; the values are metric labels and stand in the attempt log."""

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
    NOT_ASKED = "not_asked"
    """An actionable webhook's server has no place free or is out of order: no request was sent."""
    SHADOWED = "shadowed"
    """Shadow mode: no request was sent, because another service delivers."""
    EXPIRED = "expired"
    """The event was too old for its webhook: no request was sent."""
    ITEM_FAILED = "item_failed"
    """The receiver accepted the batch, but listed this delivery as failed."""

    @property
    def succeeded(self) -> bool:
        """Whether the receiver accepted the delivery."""
        return self is Outcome.SUCCEEDED

    @property
    def may_pass(self) -> bool:
        """Whether a retry can have another outcome."""
        return self not in _FINAL


NOT_SENT = frozenset({Outcome.SHADOWED, Outcome.EXPIRED})
"""Outcomes that tell nothing about the receiver."""
_FINAL = NOT_SENT | {
    Outcome.SUCCEEDED, Outcome.GONE, Outcome.EGRESS_REFUSED, Outcome.INVALID_REQUEST,
}  # fmt: skip


def outcome_of_status(status: int) -> Outcome:
    """Classify an HTTP status: any 2xx is a success, everything else a failure."""
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
    """Why a delivery was deferred without an attempt; the values are metric labels."""

    SATURATED = "saturated"
    """The endpoint is at its concurrency limit, and the wait would be too long."""
    OVER_SHARE = "over_share"
    """The account holds its full share of the places, and the wait would be too long."""
    BROKEN = "broken"
    """The endpoint's circuit breaker is open."""
    NOTHING_SENT = "nothing_sent"
    """This machine lacked a resource, such as file descriptors."""


class DeadLetterReason(StrEnum):
    """Why a delivery was given up; the values are metric labels and stand in the dead letter."""

    EXHAUSTED = "exhausted"
    GONE = "gone"
    EGRESS_REFUSED = "egress_refused"
    INVALID_REQUEST = "invalid_request"
    WEBHOOK_DISABLED = "webhook_disabled"
    DEFERRED_TOO_OFTEN = "deferred_too_often"
    SHADOWED = "shadowed"
    """The delivery was pending when shadow mode was switched on."""
    BACKLOG_FULL = "backlog_full"
    """More deliveries than `pause.most_kept` waited for a paused webhook."""
    PAUSED_TOO_LONG = "paused_too_long"
    """It waited in the backlog of a paused webhook for longer than `pause.kept_s`."""
    CROWDED_OUT = "crowded_out"
    """Too many events of one call waited for an ordered webhook; it was not the call's end."""
    EXPIRED = "expired"
    """The event was too old for its webhook; see `domain.expiry`."""
    BUG = "bug"


@dataclass(frozen=True, slots=True)
class PastAttempt:
    """Summary of an earlier attempt that travels with the delivery; times are unix seconds."""

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
    """The webhook's document, where the event carried the webhook and no store has it."""
    fallback_for: str | None = None
    """The outcome that ended the attempts at the webhook's own URI; its fallback is next."""
    replay_id: str | None = None
    """The replay that revived it."""
    traceparent: str | None = None
    """The trace context it belongs to; see `domain.trace`."""
    event_account_id: str | None = None
    """The event's account, where it differs from the webhook's."""
    source: str = ""
    """The dialect of the event; empty in deliveries that the first releases wrote."""
    schema_version: int = 1
    """The version of the hook's schema that `payload` has, whatever the webhook is pinned to."""
    position: CallPosition | None = None
    """Its event's place in the call, where the account follows calls."""
    occurred_at: float | None = None
    """When the event happened by the switch's clock, if the switch tells."""
    replayed_at: float | None = None
    """When it was last revived: its age counts from then."""
    max_age_s: float | None = None
    """The age limit that its replay set; 0 means none."""
    hashed: tuple[str, ...] = ()
    """Members that the webhook's masks have hashed; a second time would give other hashes."""
    wait_left_s: float = 0.0
    """Seconds that it still has to wait for its turn when it comes back from its deferral."""
    turn_at: float = 0.0
    """When its turn should come, where something is left of its wait."""

    def put_off(self, deferrals: int, wait_left_s: float = 0.0, turn_at: float = 0.0) -> "Delivery":
        """Return a copy that was deferred so often; `replace` would take three times as long."""
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
            deferrals,
            self.webhook,
            self.fallback_for,
            self.replay_id,
            self.traceparent,
            self.event_account_id,
            self.source,
            self.schema_version,
            self.position,
            self.occurred_at,
            self.replayed_at,
            self.max_age_s,
            self.hashed,
            wait_left_s,
            turn_at,
        )

    def waits_on_s(self, now: float) -> float:
        """Return how long it should still wait for its turn, even if a clock was changed."""
        return max(0.0, min(self.wait_left_s, self.turn_at - now))

    @property
    def owed(self) -> bool:
        """Whether it was deferred, retried or replayed, so that only this service delivers it."""
        return bool(self.past or self.deferrals or self.replay_id)

    @property
    def step(self) -> tuple[str, int, int, float, str | None]:
        """Idempotency key of the next step: delivery, attempt, deferral, its part, and replay."""
        done = len(self.past), self.deferrals, self.wait_left_s
        return (self.delivery_id, *done, self.replay_id)

    @property
    def trace_id(self) -> str | None:
        """The id of the trace it belongs to."""
        return trace_id_of(self.traceparent) if self.traceparent else None


@immutable
class Request:
    """A complete, signed HTTP request. `query` is appended to the URI byte for byte."""

    verb: str
    uri: str
    query: str
    headers: dict[str, str]
    body: bytes | None
    timeout_s: float | None = None
    """Time limit in seconds up to the end of the answer; None means the platform's."""
    in_full: bool = False
    """Whether the body of a successful answer is read to its end as well."""
    body_bytes: int | None = None
    """Bytes read of the answer's body; None means the platform's limit."""
    account_id: str = ""
    """The account that sends it, which may have a client certificate of its own."""
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
        """Whether the whole server seems to fail, rather than one webhook's path on it."""
        return self.outcome in _SERVER_FAULTS or (self.status is not None and self.status >= 500)


_SERVER_FAULTS = frozenset({
    Outcome.TIMED_OUT, Outcome.CONNECT_TIMED_OUT, Outcome.REFUSED, Outcome.RESET,
    Outcome.DNS_FAILED, Outcome.TLS_FAILED, Outcome.BAD_RESPONSE, Outcome.UNREACHABLE,
})  # fmt: skip


@immutable
class InBatch:
    """The batch that a delivery was sent in: its id and its number of deliveries."""

    batch_id: str
    size: int
    waited_s: float = 0.0
    """Seconds that the delivery waited for the others, as its webhook wants it."""


@immutable
class Attempt:
    """One HTTP request for a delivery, counted from 1, with everything that the attempt log keeps.

    `attempt_id` is the id of the log's row. `retries` is the number that the webhook allowed.
    `test` marks an attempt that no event of the switch caused.
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
    answer: Mapping[str, Any] | None = None
    """Use of the answer, for a webhook whose answer steers a call."""
    expiry: Expiry | None = None
    """Age and limit of an event that was too old."""
    in_batch: InBatch | None = None
    """The batch, if the request had several deliveries."""

    def delivery_after(self) -> Delivery:
        """Return the delivery with this attempt in its past."""
        past = (*self.delivery.past, self.as_past())
        return replace(self.delivery, past=past, deferrals=0, wait_left_s=0.0, turn_at=0.0)

    def as_past(self) -> PastAttempt:
        """Return the summary that travels with the delivery."""
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
    """Return the id that is the same in every attempt, redelivery and replay.

    It contains no dot: Standard Webhooks 1.0 joins the signed parts with dots.
    """
    return blake2b(f"{event_id}{webhook_id}".encode(), digest_size=16).hexdigest()


def batch_id_of(deliveries: Iterable[Delivery]) -> str:
    """Return the id of a batch: the same for the same deliveries, in whatever order.

    A retry of them is another batch: the receiver may have accepted the first, but not these.
    """
    attempts = sorted(f"{one.delivery_id}/{len(one.past)}" for one in deliveries)
    return blake2b(f"batch{' '.join(attempts)}".encode(), digest_size=16).hexdigest()


def attempt_id_of(started_at: float) -> str:
    """Return a new attempt id: 24 hex digits that sort by the start time."""
    return f"{time_key(started_at)}{random.getrandbits(48):012x}"


def time_key(at: float) -> str:
    """Return the prefix of the ids of attempts that started at a time, in unix seconds."""
    return f"{max(0, round(at * 1000)):012x}"
