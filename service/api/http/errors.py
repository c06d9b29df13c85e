"""Map errors to answers: status, message and data in Crossbar's form."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from service.domain.errors import (
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    RejectedMessage,
    SwitchhookError,
    TooManyRequests,
    TooManyStreams,
    Unauthenticated,
    Unavailable,
)
from service.text.plural import counted

Problems = dict[str, dict[str, dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Failure:
    """The answer to a failed call."""

    status: int
    message: str
    data: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)


NO_SUCH_PATH = Failure(404, "not_found", {"message": "not found"})
WRONG_METHOD = Failure(405, "invalid_method", {"message": "method not allowed"})
TOO_LARGE = Failure(413, "request_too_large", {"message": "the body is too large"})
GONE = Failure(410, "gone", {"message": "there is no /v1; use /v2"})
NOT_HTTP = Failure(400, "bad_request", {"message": "the request is not HTTP/1.1, or too long"})
HUNG_UP = Failure(400, "bad_request", {"message": "the body is not complete"})
TOO_SLOW = Failure(408, "request_timeout", {"message": "the body took too long"})
TOO_MANY_CONNECTIONS = Failure(
    503, "too_many_connections", {"message": "too many connections"}, {"Retry-After": "5"}
)
BUG = Failure(500, "internal_error", {"message": "the service has a bug; its log has details"})
NOT_JSON: Problems = {"json": {"invalid": {"message": "the body is not JSON", "target": "body"}}}


def failure_of(error: SwitchhookError) -> Failure:
    """Return the answer to an error; an unexpected error is a bug."""
    return next((tell(error) for kind, tell in TABLE if isinstance(error, kind)), BUG)


def _invalid(error: Invalid) -> Failure:
    return Failure(400, "validation error", error.problems)


def _rejected(error: RejectedMessage) -> Failure:
    problem = {error.reason.value: {"message": error.detail}}
    return Failure(400, "validation error", {"event": problem})


def _unauthenticated(_: Unauthenticated) -> Failure:
    data = {"message": "invalid credentials"}
    return Failure(401, "invalid_credentials", data, {"WWW-Authenticate": "Bearer"})


def _not_found(error: NotFound) -> Failure:
    return Failure(404, "bad_identifier", {"message": "bad identifier", "cause": error.what})


def _too_many(error: TooManyRequests) -> Failure:
    wait_s = str(ceil(error.retry_after_s))
    limits = {
        "Retry-After": wait_s,
        "RateLimit-Limit": str(error.limit),
        "RateLimit-Remaining": "0",
        "RateLimit-Reset": wait_s,
    }
    return Failure(429, "too_many_requests", {"message": "too many requests"}, limits)


def _too_many_streams(error: TooManyStreams) -> Failure:
    return Failure(429, "too_many_requests", {"message": str(error)}, {"Retry-After": "5"})


def _unavailable(_: Unavailable) -> Failure:
    # The error's own text may name internal hosts.
    data = {"message": "a part of the service does not answer; try again later"}
    return Failure(503, "datastore_unreachable", data, {"Retry-After": "5"})


TABLE: Sequence[tuple[type[SwitchhookError], Callable[[Any], Failure]]] = (
    (Invalid, _invalid),
    (RejectedMessage, _rejected),
    (Unauthenticated, _unauthenticated),
    (Forbidden, lambda error: Failure(403, "forbidden", {"message": str(error)})),
    (NotFound, _not_found),
    (Conflict, lambda error: Failure(409, "conflict", {"message": str(error)})),
    (TooManyRequests, _too_many),
    (TooManyStreams, _too_many_streams),
    (Unavailable, _unavailable),
)


def problems_of(
    error: ValidationError, hidden: Sequence[str] = ("auth", "headers", "secret")
) -> Problems:
    """Return pydantic's errors keyed by field, then by Crossbar's code; secrets are not quoted."""
    problems: Problems = {}
    for details in error.errors(include_url=False):
        path = [str(part) for part in details["loc"]]
        code, problem = _problem(details)
        if path and path[0] not in hidden:
            problem["value"] = path[-1] if code == "required" else _short(details["input"])
        problems.setdefault(".".join(path) or "body", {})[code] = problem
    return problems


CODES = {
    "missing": "required",
    "literal_error": "enum",
    "greater_than_equal": "minimum",
    "less_than_equal": "maximum",
    "string_too_short": "minLength",
    "string_too_long": "maxLength",
    "too_short": "minItems",
    "too_long": "maxItems",
    "extra_forbidden": "additionalProperties",
    "value_error": "invalid",
}
TYPES = {
    "string_type": "string",
    "int_type": "integer", "int_parsing": "integer", "int_from_float": "integer",
    "float_type": "number", "float_parsing": "number", "finite_number": "number",
    "bool_type": "boolean", "bool_parsing": "boolean",
    "dict_type": "object", "model_type": "object", "model_attributes_type": "object",
    "list_type": "array",
}  # fmt: skip
TEXTS = {
    "greater_than_equal": "Value must be at least {}",
    "less_than_equal": "Value must be at most {}",
    "string_too_short": "String must be at least {}",
    "string_too_long": "String must be at most {}",
}
TARGETS = ("ge", "le", "min_length", "max_length")


def _problem(details: ErrorDetails) -> tuple[str, dict[str, Any]]:
    kind, context = details["type"], details.get("ctx", {})
    if kind in TYPES:
        message = f"Value did not match type(s): {TYPES[kind]}"
        return "type", {"message": message, "target": TYPES[kind]}
    if kind == "missing":
        return "required", {"message": "Field is required but missing"}
    if kind == "literal_error":
        allowed = str(context["expected"]).replace("'", "").replace(" or ", ", ").split(", ")
        message = "Value not found in enumerated list of values"
        return "enum", {"message": message, "target": [True] if allowed == ["True"] else allowed}
    target = next((context[name] for name in TARGETS if name in context), None)
    said = details["msg"].removeprefix("Value error, ")
    bound = counted(int(target or 0), "character") if kind.startswith("string") else target
    problem = {"message": TEXTS[kind].format(bound) if kind in TEXTS else said}
    if target is not None:
        problem["target"] = target
    return CODES.get(kind, "error"), problem


def _short(value: Any) -> Any:
    """Return the value as it was sent, unless it is long."""
    if isinstance(value, bool | int | float) or value is None:
        return value
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 200 else f"{text[:200]}..."
