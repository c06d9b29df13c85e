"""Answers to "would it match?" over events of the attempt log."""

from service.api.shapes.answers import ClauseVerdict, Shape


class EventVerdict(Shape):
    """An event that was sent to a webhook of the account, and whether the one asked about fits."""

    event_id: str
    hook: str
    event_name: str | None
    call_id: str | None
    account_id: str
    """The account of the event: the one in the path, or one below it."""
    at: str
    """When its newest attempt started."""
    hook_id: str
    """The webhook of that attempt."""
    attempt_id: str
    masked: bool
    """Whether that webhook masks or omits members now: a clause on them sees what the log has."""
    matches: bool
    reasons: list[str]
    """Why the webhook would not get it."""
    clauses: list[ClauseVerdict]
    """Every clause of the filters, in order; nested ones follow their group."""


class EventMatches(Shape):
    """Verdicts on the last events, the newest first."""

    matching: int
    events: list[EventVerdict]
    without_payload: int
    """Number of further events, of which the log has no payload or a very large one."""
