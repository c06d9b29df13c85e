"""Bodies of requests to the API, with Crossbar's defaults and leniency.

Crossbar accepts `"3"` for a number and `"true"` for a boolean; so do these models. Unknown members
of a body are ignored, and named in the answer's metadata.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ValidationInfo,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from service.documents.batching import LEAST_EVENTS, LEAST_WITHIN_MS, MOST_EVENTS, MOST_WITHIN_MS
from service.documents.webhook import (
    LEAST_BUDGET_S,
    LEAST_COALESCE_MS,
    LEAST_ORDER_WAIT_S,
    LEAST_TIMEOUT_S,
    MOST_BUDGET_S,
    MOST_COALESCE_MS,
    MOST_ORDER_WAIT_S,
    MOST_TIMEOUT_S,
)
from service.domain.delivery import DeadLetterReason
from service.domain.filters.filters import LONGEST_ZONE
from service.domain.filters.reading import LONGEST_PATH, MOST_CLAUSES
from service.domain.freshness import MOST_MAX_AGE_S
from service.domain.privacy import MOST_RULES
from service.domain.retry import MAX_RETRIES

LONGEST_URI = 8192
MOST_MEMBERS = 100
MOST_VERSIONS = 1_000
MOST_IDS = 1000
HOOKS = "x-hooks"
WEEK_S = 604_800.0


def _no_flag(value: Any) -> Any:
    """Refuse booleans, which are integers in Python but not in JSON."""
    if isinstance(value, bool):
        raise ValueError("must be a number, not a boolean")  # noqa: TRY004 (pydantic's protocol)
    return value


def _flag(value: Any) -> Any:
    """Convert "true" and "false"; Crossbar accepts these words, and no others, as booleans."""
    return {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


@dataclass(frozen=True, slots=True)
class OneOf:
    """Marks a text that must be one of a list; description and error contain the list."""

    names: tuple[str, ...]
    lower: bool = False
    """Whether capitals are accepted."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Check the value after its type was checked."""
        return core_schema.no_info_after_validator_function(self._checked, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Add the list to the schema."""
        return {**handler(schema), "enum": list(self.names)}

    def _checked(self, value: str) -> str:
        return _one_of(value.lower() if self.lower else value, self.names)


@dataclass(frozen=True, slots=True)
class OneHook:
    """Marks a text that must be one of the hooks that the service offers.

    The caller passes the hooks when it validates a value (`context={HOOKS: names}`). In the schema
    stands `{HOOKS: first names}`, which the description of the API completes.
    """

    also: tuple[str, ...] = ()

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Check the value after its type was checked; capitals are accepted."""
        return core_schema.with_info_after_validator_function(self._checked, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Mark the place of the list in the schema."""
        return {**handler(schema), HOOKS: list(self.also)}

    def _checked(self, value: str, info: ValidationInfo) -> str:
        offered: tuple[str, ...] = (info.context or {}).get(HOOKS, ())
        return _one_of(value.lower(), (*self.also, *offered))


def _one_of(value: str, names: tuple[str, ...]) -> str:
    if value not in names:
        expected = ", ".join(names)
        raise PydanticCustomError(
            "literal_error", "must be one of {expected}", {"expected": expected}
        )
    return value


Number = BeforeValidator(_no_flag)
Flag = Annotated[bool, BeforeValidator(_flag), Field(strict=True)]
Name = Annotated[str, Field(min_length=1, max_length=256)]
Uri = Annotated[str, Field(min_length=1, max_length=LONGEST_URI)]
EventHook = Annotated[str, OneHook()]
"""The hook of an event; HookId may also be `all`, and is checked against the catalogue."""
Reason = Annotated[str, OneOf(tuple(DeadLetterReason))]
HookId = Annotated[str, BeforeValidator(_lower), Field(min_length=1, max_length=64)]
Retries = Annotated[int, Number, Field(ge=0, le=MAX_RETRIES)]
Timeout = Annotated[float, Number, Field(ge=LEAST_TIMEOUT_S, le=MOST_TIMEOUT_S)]
Budget = Annotated[float, Number, Field(ge=LEAST_BUDGET_S, le=MOST_BUDGET_S)]
AnswerDocument = Annotated[str, Field(min_length=1, max_length=16_384)]
AnswerForm = Literal["voxml", "twiml", "kazoo", "voipbin", "switchhook"]
Profile = Literal["voxtelesys"]
Window = Annotated[int, Number, Field(ge=LEAST_COALESCE_MS, le=MOST_COALESCE_MS)]
Ordering = Literal["none", "call", "call_strict"]
Patience = Annotated[float, Number, Field(ge=LEAST_ORDER_WAIT_S, le=MOST_ORDER_WAIT_S)]
Extras = Annotated[list[Literal["sequence"]], Field(max_length=1)]
MaxAge = Annotated[float, Number, Field(ge=0, le=MOST_MAX_AGE_S)]
Version = Annotated[int, Number, Field(ge=1, le=MOST_VERSIONS)]
Verb = Annotated[Literal["get", "post", "put"], BeforeValidator(_lower)]
Format = Literal["form-data", "json"]
Texts = Annotated[dict[str, str], Field(max_length=MOST_MEMBERS)]
Integer = Annotated[int, Field(ge=-(2**63), le=2**63 - 1)]
"""An integer that the store can hold."""
Scalar = str | Integer | Annotated[float, Field(allow_inf_nan=False)] | bool | None
Modifiers = Annotated[dict[str, Scalar | list[Scalar]], Field(max_length=MOST_MEMBERS)]
Clauses = Annotated[list[dict[str, Any]], Field(max_length=MOST_CLAUSES)]
"""Checked in full, with the path of each problem, by `domain.filters`."""
Zone = Annotated[str, Field(min_length=1, max_length=LONGEST_ZONE)]
MemberPath = Annotated[str, Field(min_length=1, max_length=LONGEST_PATH)]
Masks = Annotated[list[MemberPath | dict[str, Any]], Field(max_length=MOST_RULES)]
Members = Annotated[list[MemberPath], Field(max_length=MOST_RULES)]
Secret = Annotated[str, Field(min_length=8, max_length=128)]


class Body(BaseModel):
    """The rules of every body."""

    model_config = ConfigDict(extra="ignore", use_attribute_docstrings=True)


class BatchRules(Body):
    """How many events travel in one request."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    max: Annotated[int, Number, Field(ge=LEAST_EVENTS, le=MOST_EVENTS)]
    """Most events of a request; with so many it is sent at once."""
    within_ms: Annotated[int, Number, Field(ge=LEAST_WITHIN_MS, le=MOST_WITHIN_MS)]
    """Milliseconds after the first event at which the request is sent in any case."""


class BulkEnable(Body):
    """Crossbar's order to enable webhooks."""

    re_enable: Annotated[Literal[True], Field(alias="re-enable")]
    """Enable every webhook that was disabled for failing."""


class TestRequest(Body):
    """A test request to a webhook."""

    hook: HookId | None = None
    """The hook whose sample is sent; by default the webhook's own."""


class Rotation(Body):
    """A change of the signing secret."""

    overlap_s: Annotated[float, Number, Field(ge=0, le=WEEK_S)] = 86_400.0
    """Seconds during which the old secret signs as well."""
    secret: Secret | None = None
    """The new secret; by default the service creates one."""


class Question(Body):
    """A hypothetical event."""

    hook: HookId
    """The hook whose sample is used."""
    event: dict[str, Any] | None = None
    """Members of the switch's own message, which replace those of the sample."""
    account_id: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    """The account of the event: the one in the path, or one below it."""


class LetterFilter(Body):
    """A selection of dead letters; every member given must match."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    hook_id: str | None = None
    """The webhook."""
    hook: EventHook | None = None
    reason: Reason | None = None
    """The reason for giving up."""
    call_id: str | None = None
    endpoint: str | None = None
    """Scheme, host and port."""
    created_from: str | int | None = None
    """The earliest time of death: gregorian seconds, or ISO 8601."""
    created_to: str | int | None = None
    """The latest time of death."""


class LetterOrder(Body):
    """The dead letters concerned, by `ids` or by `filter`; a filter of `{}` selects all."""

    ids: Annotated[list[str], Field(min_length=1, max_length=MOST_IDS)] | None = None
    """Ids of dead letters, which are those of their deliveries."""
    filter: LetterFilter | None = None
    """The selection, instead of `ids`."""
    dry_run: Flag = False
    """Count the dead letters, and do nothing else."""


class DiscardOrder(LetterOrder):
    """The dead letters to delete for good; those replayed already stay until they expire."""


class MessageIds(Body):
    """Rejected messages."""

    ids: Annotated[list[str], Field(min_length=1, max_length=MOST_IDS)]
    """Their ids."""


class PortalOrder(Body):
    """A link to the console."""

    read_only: Flag = False
    """Whether its sessions may only read."""


class AttemptReplay(Body):
    """A replay of one delivery."""

    max_age_s: MaxAge | None = None
    """Seconds from the replay within which retries go on, in place of the webhook's limit; 0 for no
    limit."""


class ReplayOrder(LetterOrder):
    """The dead letters to replay."""

    limit: Annotated[int, Number, Field(ge=1, le=1_000_000)] = 100_000
    """Most dead letters to replay, the oldest first."""
    rate_per_s: Annotated[float, Number, Field(ge=0.1, le=1000)] = 50.0
    """Most dead letters to replay per second."""
    max_age_s: MaxAge | None = None
    """Seconds from the replay within which retries go on, in place of the webhook's limit; 0 for no
    limit."""


class PauseOrder(Body):
    """An account or an endpoint to pause."""

    account_id: Annotated[str, Field(min_length=1, max_length=128)] | None = None
    """The account whose webhooks are paused; those of its descendants are not."""
    endpoint: Uri | None = None
    """A URL; its scheme, host and port are paused for all accounts."""
