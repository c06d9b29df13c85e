"""Shapes of the API's answers: the description promises them, and tests check answers by them."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from service.domain.delivery import DeadLetterReason, Outcome
from service.management.replay import ReplayState


class Shape(BaseModel):
    """The rules of every shape."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class Health(Shape):
    """How close a webhook is to being disabled."""

    recent_failures: int
    """Failed attempts within the window, with no success since."""
    disabled_at_failures: int
    """Failed attempts within the window that disable it."""
    window_s: float


class Change(Shape):
    """A member before and after."""

    old: Any
    new: Any


class HistoryEntry(Shape):
    """A change of a webhook: time, author and action."""

    at: datetime
    by: str
    action: str
    members: list[str]
    """The members given, changed or not."""
    changes: dict[str, Change] | None = None
    """The members changed, with old and new value; long values are cut, secrets are hidden."""


class WebhookTrail(BaseModel):
    """Members that only the service sets."""

    model_config = ConfigDict(extra="allow")

    created_at: datetime | None = None
    modified_at: datetime | None = None
    created_by: str | None = None
    modified_by: str | None = None
    disabled_at: datetime | None = None
    problem: str | None = None
    public_key: str | None = None
    """The public key that verifies its `v1a` signatures."""
    ask_path: str | None = None
    """The path at which a switch asks an actionable webhook; whoever knows it may ask."""
    deleted: bool = False
    health: Health | None = None
    backlog: int | None = None
    """Deliveries that are kept while the webhook is paused, or sent after it was resumed."""
    history: list[HistoryEntry] = Field(default_factory=list)


class WebhookSummary(BaseModel):
    """A webhook in a list."""

    id: str
    hook: str | None = None
    name: str | None = None
    uri: str | None = None
    enabled: bool | None = None
    disable_reason: str | None = None


class HookAnswer(Shape):
    """A kind of event that can be subscribed to."""

    id: str
    name: str
    description: str
    mode: Literal["informational", "actionable"] = "informational"
    """Whether a 2xx is enough, or the answer is a document that steers a call."""
    version: int
    freshness: Literal["live", "state", "record", "actionable"]
    """For how long its events are of use; `record` has no limit."""
    max_age_s: float
    """The platform's age limit of this class; 0 for none. Of an actionable hook, the usual time for
    an answer."""
    freshness_of: dict[str, str] | None = None
    """Other classes of some events, by name."""
    modifiers: dict[str, Any] | None = None
    profiles: dict[str, str] | None = None
    """The profiles that its requests can be written in, each with the id of the schema."""


class SchemaVersion(Shape):
    """A version of a hook's schema."""

    version: int
    changes: str
    """What it changed."""
    path: str | None
    """The path of its JSON Schema; null where it is no longer served."""
    deprecated_at: datetime | None
    """When a newer version replaced it."""
    sunset_at: datetime | None
    """When it may cease to be served, if that is decided."""


class SchemasAnswer(Shape):
    """The versions of a hook's schema, the newest first."""

    hook: str
    name: str
    source: str
    """The dialect of its events, or the profile of its requests."""
    mode: Literal["informational", "actionable"]
    current: int
    """The version of webhooks that are not pinned."""
    versions: list[SchemaVersion]
    hooks: dict[str, list[str]] | None = None
    """Of a profile's request, the hooks that it is made of, by the switch on the broker."""
    never: dict[str, str] | None = None
    """Of a profile's request, why a switch on the broker never makes one."""


class Positioned(BaseModel):
    """The place of an event in its call, where the account follows calls."""

    conversation_id: str | None = None
    """The id that all legs of the call have in common."""
    sequence: int | None = None
    """The place of the event in the call, counted from 1."""
    marks: list[Literal["late", "out_of_order", "synthetic", "supersedes"]] | None = None
    """What is special about it; see Calls in the documentation."""


class AttemptAnswer(Positioned):
    """One HTTP request: the members of the switch's own API, and further ones."""

    id: str
    timestamp: int | None = None
    """Gregorian seconds, if the switch's own API has this member."""
    started_at: datetime
    duration_ms: float
    hook_id: str
    hook_event: str | None = None
    hook: str
    source: str
    """The dialect of the event."""
    event_name: str | None
    event_id: str
    delivery_id: str
    call_id: str | None
    attempt: int
    uri: str
    """The URI requested, without its query."""
    result: Literal["success", "failure", "shadowed"]
    outcome: Outcome
    reason: str | None = None
    client_error: str | None = None
    resp_status_code: str | None = None
    resp_headers: dict[str, str] | None = None
    resp_body: str | None = None
    method: str | None = None
    req_headers: dict[str, str] | None = None
    req_body: str | None = None
    attempts_left: int | None = Field(default=None, alias="try")
    retries: int | None = None
    """Attempts left, this one included, if no answer came."""
    retries_left: int | Literal["retries exceeded"] | None = None
    fallback_for: str | None = None
    replay_id: str | None = None
    test: bool = False
    trace_id: str | None = None
    """The id of its trace (W3C Trace Context)."""
    age_s: float | None = None
    """Outcome `expired`: the age of the event."""
    max_age_s: float | None = None
    """Outcome `expired`: the limit that the age exceeded."""
    batch_id: str | None = None
    """The id of the batch that it was sent in."""
    batch_size: int | None = None
    """The number of deliveries in that batch, which share the duration."""


class TokenAnswer(Shape):
    """The account and the rights of a token."""

    account_id: str | None
    """Its account; null for a superuser's."""
    superuser: bool
    descendants: bool
    """Whether it is valid for the accounts below as well."""
    read_only: bool


class AttemptInFull(AttemptAnswer):
    """One HTTP request, with the payload of its event."""

    payload: dict[str, Any] | None = None
    occurred_at: datetime | None = None
    """When the event happened, by the switch's clock."""
    received_at: datetime | None = None
    answer: dict[str, Any] | None = None
    """Use of an actionable webhook's answer, and the document that was applied."""


class LetterAttempt(Shape):
    """An attempt recorded in a dead letter."""

    attempt: int
    started_at: datetime
    duration_ms: float
    outcome: Outcome
    status: int | None
    detail: str | None


class LetterAnswer(Positioned, Shape):
    """A delivery that was given up."""

    id: str
    """The delivery's id."""
    account_id: str
    hook_id: str
    hook: str
    event_name: str
    event_id: str
    call_id: str | None
    reason: DeadLetterReason
    uri: str | None
    endpoint: str | None
    """Scheme, host and port."""
    received_at: datetime
    died_at: datetime
    attempts: list[LetterAttempt]
    source: str | None = None
    """The dialect of the event; the first releases did not write it."""
    trace_id: str | None = None
    """The id of its trace (W3C Trace Context)."""
    occurred_at: datetime | None = None
    """When the event happened, by the switch's clock."""
    replay_id: str | None = None
    replayed_at: datetime | None = None
    replayed_by: str | None = None


class LetterInFull(LetterAnswer):
    """A delivery that was given up, with the payload of its event."""

    payload: dict[str, Any]


class Counted(Shape):
    """The number of dead letters that a replay would find."""

    matched: int
    dry_run: Literal[True]


class ReplayAnswer(Shape):
    """A replay and its progress."""

    id: str
    state: ReplayState
    matched: int
    replayed: int
    limit: int
    rate_per_s: float
    max_age_s: float | None
    """The age limit that the order set."""
    created_at: datetime
    created_by: str
    ended_at: datetime | None


class Revived(Shape):
    """One delivery that will be attempted again."""

    replay_id: str
    delivery_id: str


class WindowStats(Shape):
    """Outcomes and durations of the attempts within a time window."""

    attempts: int
    outcomes: dict[str, int]
    measured: int
    """The number of attempts, the newest ones, that the percentiles cover."""
    duration_ms: dict[str, float]
    """`p50`, `p90`, `p95` and `p99`."""


class StatsAnswer(Shape):
    """Statistics of a webhook."""

    last_hour: WindowStats
    last_day: WindowStats


class HourAnswer(Shape):
    """Attempts that began within an hour."""

    at: datetime
    """The start of the hour."""
    succeeded: int
    failed: int


class GlanceAnswer(Shape):
    """Health of a webhook over the last 24 hours; tests do not count."""

    id: str
    attempts: int
    succeeded: int
    p95_ms: float | None
    """A duration that 95 % of the attempts did not exceed, rounded up by 19 % at most."""
    hours: list[HourAnswer]
    """The oldest hour first."""


class Discarded(Shape):
    """The number of dead letters that were deleted."""

    discarded: int


class PortalAnswer(Shape):
    """A link that opens a session of the console for one account."""

    url: str
    """The link. It contains a secret: hand it only to the person it is for."""
    account_id: str
    read_only: bool
    expires_at: datetime
    """Until then the link opens sessions; a session lasts longer."""


class ClauseVerdict(Shape):
    """Whether one clause of a webhook's filters held for an event."""

    clause: str
    """Its path, such as `filters.2.any_of.0`."""
    wanted: str
    held: bool
    found: str | None
    """The value found, in words; null for a group of clauses."""


class MatchVerdict(Shape):
    """Whether a webhook would get an event, and if not, the reasons."""

    id: str
    name: str | None
    hook: str | None
    matches: bool
    reasons: list[str]
    clauses: list[ClauseVerdict]
    """Every clause of its filters, in order; nested ones follow their group."""


class MatchAnswer(Shape):
    """An event, its payload, and the verdict for each webhook."""

    hook: str
    payload: dict[str, Any]
    webhooks: list[MatchVerdict]
