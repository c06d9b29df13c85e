"""A webhook in the API: members to set, members shown, and filters of a list.

All three are generated from `documents.members`; this file has the types of its kinds, and no
single member.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, create_model

from service.api.shapes.answers import WebhookTrail
from service.api.shapes.bodies import (
    AnswerDocument,
    AnswerForm,
    BatchRules,
    Body,
    Budget,
    Clauses,
    Extras,
    Flag,
    Format,
    HookId,
    Masks,
    MaxAge,
    Members,
    Modifiers,
    Name,
    Ordering,
    Patience,
    Profile,
    Retries,
    Secret,
    Texts,
    Timeout,
    Uri,
    Verb,
    Version,
    Window,
    Zone,
)
from service.api.shapes.queries import FILTER, FILTER_NOT, SubscribedHook, WebhookFilters
from service.documents.members import MEMBERS, Kind, Member

TYPES_TO_SET: Mapping[Kind, Any] = {
    Kind.NAME: Name,
    Kind.URI: Uri,
    Kind.HOOK: HookId,
    Kind.VERB: Verb,
    Kind.FORMAT: Format,
    Kind.RETRIES: Retries,
    Kind.FLAG: Flag,
    Kind.TEXTS: Texts,
    Kind.VALUES: Modifiers,
    Kind.SECONDS: Timeout,
    Kind.WINDOW: Window,
    Kind.ORDER: Ordering,
    Kind.PATIENCE: Patience,
    Kind.EXTRAS: Extras,
    Kind.BUDGET: Budget,
    Kind.DOCUMENT: AnswerDocument,
    Kind.ANSWER_FORM: AnswerForm,
    Kind.SECRET: Secret,
    Kind.VERSION: Version,
    Kind.PROFILE: Profile,
    Kind.MAX_AGE: MaxAge,
    Kind.CLAUSES: Clauses,
    Kind.MASKS: Masks,
    Kind.NAMES: Members,
    Kind.ZONE: Zone,
    Kind.BATCH: BatchRules,
}
TYPES_SHOWN: Mapping[Kind, Any] = {
    Kind.RETRIES: int,
    Kind.FLAG: bool,
    Kind.TEXTS: dict[str, Any],
    Kind.VALUES: Modifiers,
    Kind.SECONDS: float,
    Kind.WINDOW: int,
    Kind.PATIENCE: float,
    Kind.EXTRAS: Extras,
    Kind.BUDGET: float,
    Kind.VERSION: int,
    Kind.MAX_AGE: float,
    Kind.CLAUSES: list[Any],
    Kind.MASKS: list[Any],
    Kind.NAMES: list[Any],
    Kind.BATCH: dict[str, Any],
}
"""Types of the kinds that are not shown as text."""
TYPES_FILTERED: Mapping[Kind, Any] = {
    Kind.HOOK: SubscribedHook,
    Kind.VERB: Verb,
    Kind.FORMAT: Format,
    Kind.RETRIES: Retries,
    Kind.FLAG: Flag,
    Kind.SECONDS: Timeout,
    Kind.WINDOW: Window,
    Kind.ORDER: Ordering,
    Kind.PATIENCE: Patience,
    Kind.BUDGET: Budget,
    Kind.ANSWER_FORM: AnswerForm,
    Kind.VERSION: Version,
    Kind.PROFILE: Profile,
    Kind.MAX_AGE: MaxAge,
}
"""Types of the kinds that are not compared as text; objects are compared as JSON."""


class WebhookView(BaseModel):
    """The members of an answer that a client cannot set."""

    model_config = ConfigDict(extra="allow", populate_by_name=True, use_attribute_docstrings=True)

    id: str
    event_types: list[str] | None = None
    """The hooks that it subscribes to, if there are several."""
    source: str | None = None
    """The dialect of its events; if missing, the dialect of the first releases."""
    disable_reason: str | None = None
    trail: WebhookTrail = Field(alias="_read_only")


def _to_set(member: Member, *, needed: bool = False) -> Any:
    kind = TYPES_TO_SET[member.kind]
    if needed:
        return kind, Field(description=member.meaning)
    return kind | None, Field(default=None, description=member.meaning)


def _shown(member: Member) -> Any:
    kind = TYPES_SHOWN.get(member.kind, str)
    # A webhook for several hooks has `event_types` in place of `hook`.
    if member.optional or member.kind is Kind.HOOK:
        return kind | None, Field(default=None, description=member.meaning)
    return kind, Field(description=member.meaning)


def _filtered() -> dict[str, Any]:
    """Return a filter and its negation for each member that is not secret."""
    kinds = {
        member.name: TYPES_FILTERED.get(member.kind, str) for member in MEMBERS if not member.secret
    }
    kinds |= {"id": str, "disable_reason": str}
    return {
        f"{prefix}{name}": (kind | None, None)
        for prefix in (FILTER, FILTER_NOT)
        for name, kind in kinds.items()
    }


# pydantic searches every imported module for the docstrings of attributes; these have none.
WITHOUT_DOCSTRINGS = {"use_attribute_docstrings": False}

WebhookId = Annotated[str, Field(min_length=1, max_length=64)]
WHOSE = "A stored webhook, whose members count where none is given."
DECIDING = frozenset({
    "hook", "custom_data", "modifiers", "filters", "timezone", "schema_version", "profile",
    "include_subaccounts", "include_internal_legs",
})  # fmt: skip

WebhookEdit: type[Body] = create_model(
    "WebhookEdit",
    __base__=Body,
    __cls_kwargs__=WITHOUT_DOCSTRINGS,
    __doc__="Members of a webhook to change; null removes a member, which restores its default.",
    **{member.name: _to_set(member) for member in MEMBERS},
)
WebhookCreate: type[Body] = create_model(
    "WebhookCreate",
    __base__=WebhookEdit,
    __doc__="A new webhook.",
    **{member.name: _to_set(member, needed=True) for member in MEMBERS if member.required},
)
EventQuestion: type[Body] = create_model(
    "EventQuestion",
    __base__=Body,
    __cls_kwargs__=WITHOUT_DOCSTRINGS,
    __doc__="Members that decide which events a webhook gets; it need not exist.",
    hook_id=(WebhookId | None, Field(default=None, description=WHOSE)),
    **{member.name: _to_set(member) for member in MEMBERS if member.name in DECIDING},
)
WebhookAnswer: type[WebhookView] = create_model(
    "WebhookAnswer",
    __base__=WebhookView,
    __cls_kwargs__=WITHOUT_DOCSTRINGS,
    __doc__="A webhook; secrets read `(hidden)`, except for one that was just created.",
    **{member.name: _shown(member) for member in MEMBERS},
)
WebhooksQuery: type[WebhookFilters] = create_model(
    "WebhooksQuery",
    __base__=WebhookFilters,
    __cls_kwargs__=WITHOUT_DOCSTRINGS,
    **_filtered(),
)
"""Query parameters of a list of webhooks: filters and their negations."""
