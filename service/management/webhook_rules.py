"""Rules for the values of a webhook's members; `api/shapes/bodies.py` checks their types."""

from collections.abc import Iterator, Mapping
from typing import Any

from service.answers.errors import BadAnswer
from service.answers.forms import FORMS, form_of, translate
from service.dialects.hook import Hook
from service.dialects.question import Question
from service.documents.members import REQUIRED
from service.documents.webhook import (
    MOST_DOCUMENT_BYTES,
    BadDocument,
    document_bytes,
    secret_key,
)
from service.documents.webhook_form import HIDDEN, Document
from service.domain.endpoint import endpoint_of
from service.domain.request_headers import (
    CREDENTIALS,
    OAUTH,
    authorization,
    oauth_client,
    problem_with_header,
    problem_with_headers,
)
from service.domain.webhook import ALL_HOOKS
from service.management.webhook_batching import batch_problems
from service.management.webhook_clauses import clause_problems, unknown_members
from service.management.webhook_conditions import impossible
from service.management.webhook_profile import without_place

Problems = dict[str, dict[str, dict[str, Any]]]
Problem = tuple[str, str, dict[str, Any]]
"""Field, code, details."""

ASKING = ("budget_s", "static_answer", "answer_form")
VERSIONED = ("hook", "schema_version")
FILTERING = ("hook", "schema_version", "custom_data", "modifiers", "filters", "mask", "omit")


def check_members(
    given: Document,
    merged: Document,
    hooks: Mapping[str, Hook],
    questions: Mapping[str, Question],
) -> Problems:
    """Return the problems of the given members; `merged` is the webhook after the change."""
    problems: Problems = {}
    for field, code, details in (
        *_problems(given, merged, hooks, questions),
        *_asking(given, merged, questions),
        *without_place(given, merged, [*hooks, *questions]),
        *batch_problems(given, merged, questions),
    ):
        problems.setdefault(field, {})[code] = details
    return problems


def check_size(given: Document, merged: Document) -> Problems:
    """Return the problem of a too large webhook, reported for the largest member given."""
    size = document_bytes(merged)
    if size <= MOST_DOCUMENT_BYTES or not given:
        return {}
    largest = max(given, key=lambda name: document_bytes({name: given[name]}))
    message = f"the webhook would have {size} bytes; at most {MOST_DOCUMENT_BYTES} are allowed"
    return {largest: {"maxLength": {"message": message, "target": MOST_DOCUMENT_BYTES}}}


def unhidden(members: Document, stored: Document) -> dict[str, Any]:
    """Return the members with stored values in place of each `(hidden)` that a client sent back."""
    plain = {key: value for key, value in members.items() if value != HIDDEN}
    for key in ("headers", "auth"):
        if isinstance(plain.get(key), dict):
            known = stored.get(key) or {}
            plain[key] = {
                name: known.get(name, value) if value == HIDDEN else value
                for name, value in plain[key].items()
            }
    return plain


def _problems(
    given: Document,
    merged: Document,
    hooks: Mapping[str, Hook],
    questions: Mapping[str, Question],
) -> Iterator[Problem]:
    for field in REQUIRED:
        if field in given and given[field] is None:
            yield field, "required", {"message": "Field is required and cannot be removed"}
    for field in ("uri", "fallback_uri"):
        if given.get(field) is not None:
            yield from _uri(field, given[field])
    if given.get("hook") not in (None, ALL_HOOKS, *hooks, *questions):
        message = "Value not found in enumerated list of values"
        target = [ALL_HOOKS, *hooks, *questions]
        yield "hook", "enum", {"message": message, "target": target, "value": given["hook"]}
    if not given.keys().isdisjoint(VERSIONED):
        yield from _version(merged, hooks)
    yield from clause_problems(given, merged, questions)
    if not given.keys().isdisjoint(FILTERING) and merged.get("hook") not in questions:
        yield from impossible(merged, hooks)
        yield from unknown_members(merged, hooks)
    for field in ("custom_data", "modifiers"):
        yield from _keys(field, given.get(field) or {})
    yield from _hidden(given)
    yield from _headers(given.get("headers") or {})
    yield from _credentials(given)


def _asking(
    given: Document, merged: Document, questions: Mapping[str, Question]
) -> Iterator[Problem]:
    """Check the static answer in the form that the switch reads, and what it is set on."""
    question = questions.get(merged.get("hook") or "")
    for field in ASKING:
        if given.get(field) is not None and question is None:
            message = f"only for actionable hooks: {', '.join(questions)}"
            yield field, "invalid", {"message": message}
    if given.get("max_age_s") is not None and question is not None:
        message = "not for actionable hooks: budget_s limits their time"
        yield "max_age_s", "invalid", {"message": message}
    static = merged.get("static_answer")
    if question is None or not isinstance(static, str) or given.keys().isdisjoint(ASKING):
        return
    try:
        found = form_of(static.encode(), "")
        wanted = merged.get("answer_form") or found
        same = FORMS[wanted].content_type == FORMS[found].content_type
        translate(static.encode(), "", question.form, source=wanted if same else found)
    except BadAnswer as error:
        yield "static_answer", "invalid", {"message": str(error)}


def _version(merged: Document, hooks: Mapping[str, Hook]) -> Iterator[Problem]:
    """Refuse a version that the webhook's hook lacks, or every hook for those on `all`."""
    wanted, hook = merged.get("schema_version"), hooks.get(str(merged.get("hook")))
    named = hooks.values() if hook is None else (hook,)
    served = sorted({version for one in named for version in one.versions})
    if wanted is not None and wanted not in served:
        message = "the hook's schema has no such version; GET /v2/schemas lists them"
        yield "schema_version", "enum", {"message": message, "target": served, "value": wanted}


def _uri(field: str, uri: str) -> Iterator[Problem]:
    try:
        endpoint_of(uri)
    except ValueError as error:
        yield field, "error", {"message": f"invalid client URL: {error}", "value": uri}


def _keys(field: str, members: Mapping[str, Any]) -> Iterator[Problem]:
    """Refuse names that the store might interpret as something else."""
    for key in members:
        if key.startswith("$") or "\0" in key:
            yield f"{field}.{key}", "invalid", {"message": "a name must not begin with $"}


def _hidden(given: Document) -> Iterator[Problem]:
    """Refuse `(hidden)` for a value that is not stored."""
    for field in ("headers", "auth"):
        for name, value in (given.get(field) or {}).items():
            if value == HIDDEN:
                message = f"{HIDDEN} was sent, but no value is stored"
                yield f"{field}.{name}", "invalid", {"message": message}


def _headers(headers: Mapping[str, Any]) -> Iterator[Problem]:
    for name, value in headers.items():
        problem = problem_with_header(name, value)
        if problem:
            yield f"headers.{name}", "error", {"message": problem}
    whole = problem_with_headers(headers)
    if whole:
        yield "headers", "error", {"message": whole}


def _credentials(given: Document) -> Iterator[Problem]:
    """Check the secret members; problems never quote their values."""
    auth = given.get("auth")
    if auth is not None:
        try:
            oauth_client(auth) if auth.get("type") == OAUTH else authorization(auth)
        except ValueError as error:
            yield "auth", "error", {"message": str(error)}
        else:
            allowed = CREDENTIALS[auth["type"]]
            if not set(auth) <= set(allowed):
                message = f"of type {auth['type']} it has no other members"
                yield "auth", "additionalProperties", {"message": message, "target": list(allowed)}
    try:
        secret_key(given, "secret")
    except BadDocument as error:
        yield "secret", "error", {"message": str(error)}
