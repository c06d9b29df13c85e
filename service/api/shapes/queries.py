"""Query parameters: pages, times and filters, as in Crossbar."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from service.api.http.request_body import likely
from service.api.shapes.bodies import (
    EventHook,
    OneHook,
    OneOf,
    Reason,
)
from service.documents.members import EDITABLE
from service.domain.delivery import Outcome
from service.domain.errors import Invalid
from service.domain.webhook import ALL_HOOKS
from service.management.audit import Action
from service.management.selection import Selection
from service.text.gregorian import GREGORIAN_OFFSET_S
from service.text.times import read_time

ATTEMPT_MEMBERS = {
    "hook_id": "webhook_id",
    "hook": "hook",
    "outcome": "outcome",
    "call_id": "call_id",
    "delivery_id": "delivery_id",
    "event_id": "event_id",
    "replay_id": "replay_id",
    "resp_status_code": "status",
}
"""Filters of attempts, each with its name in the attempt log."""
LETTER_MEMBERS = {
    "hook_id": "webhook_id",
    "hook": "hook",
    "reason": "reason",
    "call_id": "call_id",
    "endpoint": "endpoint",
    "event_id": "event_id",
}
AUDIT_MEMBERS = {"action": "action", "by": "by", "subject_id": "subject_id"}
OPERATOR_AUDIT_MEMBERS = {**AUDIT_MEMBERS, "account_id": "account_id"}
FILTER = "filter_"
FILTER_NOT = "filter_not_"
FIRST_YEAR, LAST_YEAR = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)

WHOLE_SECOND = timedelta(microseconds=999_999)
"""The rest of a second that a query names as the last one."""

Time = Annotated[str, Field(max_length=40)]


SubscribedHook = Annotated[str, OneHook((ALL_HOOKS,))]
MemberName = Annotated[str, OneOf(("id", *EDITABLE, "disable_reason"))]


class PageQuery(BaseModel):
    """A part of a list."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    page_size: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """Number of items."""
    start_key: Annotated[str, Field(max_length=200)] | None = None
    """The `next_start_key` of the previous page."""
    paginate: bool = True
    """False returns as many items as one answer can hold."""

    @model_validator(mode="before")
    @classmethod
    def _has_known_filters(cls, given: Any) -> Any:
        refuse_unknown_filters(given, cls)
        return given


def refuse_unknown_filters(given: Mapping[str, Any], query: type[BaseModel]) -> None:
    """Raise Invalid for unknown filters, which would silently select everything."""
    names = [name for name in query.model_fields if name.startswith(FILTER)]
    unknown = [key for key in given if key.startswith(FILTER) and key not in names]
    if unknown:
        raise Invalid({key: {"enum": _unknown(key, names)} for key in unknown})


def _unknown(key: str, names: Sequence[str]) -> dict[str, Any]:
    members = [name.removeprefix(FILTER) for name in names]
    meant = likely(key.removeprefix(FILTER), members)
    hint = f"; did you mean {FILTER}{meant}?" if meant else ""
    return {"message": f"there is no such filter{hint}", "target": list(names)}


class TimedQuery(PageQuery):
    """A part of a list, within a time range."""

    created_from: Time | None = None
    """The earliest time: gregorian seconds, or ISO 8601."""
    created_to: Time | None = None
    """The latest time."""


class WebhookFilters(TimedQuery):
    """A selection of webhooks; `filter_not_{member}` selects those that the filter excludes."""

    ascending: bool = False
    """Sort by id in ascending order."""
    modified_from: Time | None = None
    """The earliest time of the last change."""
    modified_to: Time | None = None
    """The latest time of the last change."""
    has_key: MemberName | None = None
    """A member that must be present."""
    key_missing: MemberName | None = None
    """A member that must be absent."""
    has_value: MemberName | None = None
    """A member that must have a value."""
    value_missing: MemberName | None = None
    """A member that must have no value."""


class AttemptsQuery(TimedQuery):
    """A selection of attempts."""

    filter_hook_id: str | None = None
    """The webhook."""
    filter_hook: EventHook | None = None
    """The hook of the event."""
    filter_outcome: Annotated[str, OneOf(tuple(Outcome))] | None = None
    """The outcome, as Switchhook classifies it."""
    filter_result: Literal["success", "failure"] | None = None
    """Success or failure."""
    filter_call_id: str | None = None
    filter_delivery_id: str | None = None
    filter_event_id: str | None = None
    filter_replay_id: str | None = None
    filter_resp_status_code: Annotated[int, Field(ge=100, le=599)] | None = None
    """The status of the answer."""
    call_id: str | None = None
    """Short for `filter_call_id`."""


class LettersQuery(TimedQuery):
    """A selection of dead letters."""

    filter_hook_id: str | None = None
    """The webhook."""
    filter_hook: EventHook | None = None
    """The hook of the event."""
    filter_reason: Reason | None = None
    """The reason for giving up."""
    filter_call_id: str | None = None
    filter_endpoint: str | None = None
    """Scheme, host and port."""
    filter_event_id: str | None = None
    call_id: str | None = None
    """Short for `filter_call_id`."""
    replayed: bool = False
    """Include those that were replayed."""


class GlanceQuery(BaseModel):
    """A choice of webhooks."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    hook_ids: Annotated[str, Field(max_length=8000)] | None = None
    """Ids of webhooks, separated by commas; by default all."""


class AuditQuery(TimedQuery):
    """A selection of the audit log."""

    filter_action: Annotated[str, OneOf(tuple(Action))] | None = None
    """What was done."""
    filter_by: Annotated[str, Field(max_length=200)] | None = None
    """The caller: `token:` and the id of a token, or the name that another entry shows."""
    filter_subject_id: Annotated[str, Field(max_length=200)] | None = None
    """The id of a webhook, token, replay, delivery or session."""


class OperatorAuditQuery(AuditQuery):
    """A selection of the audit log of all accounts."""

    filter_account_id: Annotated[str, Field(max_length=64)] | None = None


class RejectedQuery(PageQuery):
    """A selection of rejected messages."""

    filter_reason: Annotated[str, Field(max_length=64)] | None = None
    """The reason for rejecting them."""


class ReplaysQuery(PageQuery):
    """A selection of replays."""


def selection_of(
    account_id: str | None, query: TimedQuery, members: Mapping[str, str]
) -> Selection:
    """Return the selection of a query. Raises Invalid."""
    given: dict[str, Any] = query.model_dump(exclude_none=True)
    equals = equals_of(given, members)
    since, until = span(query.created_from, query.created_to, "created")
    result = given.get("filter_result")
    return Selection(
        account_id,
        equals,
        since,
        until,
        waiting=not given.get("replayed", False),
        failed=None if result is None else result == "failure",
    )


def equals_of(given: Mapping[str, Any], members: Mapping[str, str]) -> dict[str, Any]:
    """Return the members to compare, each with the value that a filter of the query names."""
    equals = {
        ours: given[f"{FILTER}{theirs}"]
        for theirs, ours in members.items()
        if f"{FILTER}{theirs}" in given
    }
    if "call_id" in given:
        equals["call_id"] = given["call_id"]
    return equals


def span(start: Any, end: Any, name: str) -> tuple[datetime | None, datetime | None]:
    """Return the bounds of a time range; None is no bound. Raises Invalid."""
    since, until = time_of(start, f"{name}_from"), time_of(end, f"{name}_to")
    if until is not None and str(end).isdecimal():
        until += WHOLE_SECOND
    if since is not None and until is not None and since > until:
        message = f"{name}_from must not be after {name}_to"
        raise Invalid.of(f"{name}_from", "date_range", message, value=start)
    return since, until


def time_of(value: Any, field: str) -> datetime | None:
    """Return the time given in gregorian seconds or ISO 8601. Raises Invalid."""
    if value is None:
        return None
    text = str(value)
    try:
        if text.isdecimal():
            at = datetime.fromtimestamp(int(text) - GREGORIAN_OFFSET_S, tz=UTC)
        else:
            at = read_time(text)
        if FIRST_YEAR <= at <= LAST_YEAR:
            return at
    except (ValueError, OverflowError, OSError):
        pass
    message = "must be gregorian seconds, or ISO 8601, from 1970 on"
    raise Invalid.of(field, "invalid", message, value=text)
