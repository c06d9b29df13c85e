"""Parse a request's body, and suggest the likely member for a misspelt one."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, get_args

import orjson
from pydantic import BaseModel

from service.api.http.errors import Problems
from service.domain.errors import Invalid

DEEPEST = 32
"""Most levels of a body, its own object included; webhooks and events of a switch have fewer."""
ALIKE = 0.75
"""Least similarity (difflib's ratio) for a name to count as a misspelling."""
OTHER_WORDS = {
    "uri": ("url", "endpoint", "callback", "callback_url", "target", "target_url", "webhook_url"),
    "hook": ("event", "events", "event_type", "event_types", "hook_event", "topic", "type"),
    "http_verb": ("method", "http_method", "verb", "request_method"),
    "format": ("body_format", "content_type", "encoding"),
    "retries": ("retry", "max_retries", "attempts", "max_attempts", "retry_count"),
    "enabled": ("active", "enable", "disabled", "is_enabled", "status"),
    "timeout_s": ("timeout", "timeout_ms", "timeout_seconds"),
    "schema_version": ("version", "api_version", "schema"),
    "max_age_s": ("max_age", "ttl", "ttl_s", "expires_in"),
    "coalesce_ms": ("coalesce", "coalesce_s", "debounce_ms"),
    "batch": ("batching", "batch_size", "bulk"),
    "ordering": ("order", "ordered", "fifo"),
    "ordering_wait_s": ("ordering_wait", "ordering_wait_ms", "order_wait_s"),
    "extras": ("extra", "additional_members"),
    "headers": ("header", "custom_headers", "http_headers", "extra_headers"),
    "auth": ("authentication", "authorization", "credentials"),
    "fallback_uri": ("fallback", "fallback_url", "backup_url"),
    "secret": ("signing_secret", "signing_key", "secret_key"),
    "filters": ("filter", "conditions", "rules"),
    "mask": ("masks", "masked", "redact"),
    "omit": ("exclude", "omitted", "remove"),
    "timezone": ("time_zone", "tz", "zone"),
    "include_subaccounts": ("descendants", "include_descendants", "subaccounts"),
    "include_internal_legs": ("internal_legs",),
    "custom_data": ("data", "metadata", "payload"),
    "hook_id": ("webhook", "webhook_id"),
    "created_from": ("from", "since", "start"),
    "created_to": ("to", "until", "end"),
    "overlap_s": ("overlap", "overlap_seconds"),
    "rate_per_s": ("rate", "rate_limit"),
    "re-enable": ("re_enable", "enable", "enabled", "reenable"),
}
"""Our members, with the names that other webhook services use for them."""


def parsed(raw: bytes) -> Any:
    """Return the JSON value of a body. Raises Invalid, which names line and column."""
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise _not_json(raw, error) from None
    if _is_deeper(value, DEEPEST):
        message = f"nested deeper than {DEEPEST} levels"
        raise Invalid.of(_deep_member(value), "invalid", message, target=DEEPEST)
    return value


def _deep_member(value: Any) -> str:
    """Return the name of a member nested too deeply; `json` if the body is not an object."""
    members = value.get("data", value) if isinstance(value, dict) else value
    if not isinstance(members, dict):
        return "json"
    return next((name for name, one in members.items() if _is_deeper(one, DEEPEST - 2)), "json")


def _not_json(raw: bytes, error: orjson.JSONDecodeError) -> Invalid:
    reason, line, column = error.msg, error.lineno, error.colno
    try:
        raw.decode()
    except UnicodeDecodeError as bad:
        before = raw[: bad.start].decode()
        reason = f"the byte 0x{raw[bad.start]:02x} is not UTF-8"
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    message = f"the body is not JSON: {reason}, at line {line}, column {column}"
    return Invalid.of("json", "invalid", message, target="body", line=line, column=column)


def _is_deeper(value: Any, levels: int) -> bool:
    """Return whether arrays and objects are nested deeper than `levels`, without recursion."""
    level = _containers([value])
    for _ in range(levels):
        level = [
            inner
            for outer in level
            for inner in _containers(outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return False
    return bool(level)


def _containers(values: Iterable[Any]) -> list[Any]:
    return [value for value in values if isinstance(value, dict | list)]


def notes_on(model: type[BaseModel] | None, members: Mapping[str, Any]) -> dict[str, Any]:
    """Return the notes on ignored members for an answer's metadata.

    Members that begin with _ or pvt_ are Crossbar's own: its forms send them back, so they are not
    noted.
    """
    if model is None:
        return {}
    known = _names(model)
    ignored = sorted(
        key for key in members if key not in known and not key.startswith(("_", "pvt_"))
    )
    free = [name for name in known if name not in members]
    meant = {key: name for key in ignored if (name := likely(key, free))}
    notes: dict[str, Any] = {"ignored": ignored} if ignored else {}
    return notes | ({"did_you_mean": meant} if meant else {})


def hinted(problems: Problems, model: type[BaseModel], members: Mapping[str, Any]) -> Problems:
    """Return problems with a "did you mean" for missing and for unknown names."""
    known = _names(model)
    written = {likely(key, known): key for key in members if key not in known}
    for field, codes in problems.items():
        if "required" in codes and field in written:
            hint = f"; did you mean {field} where it says {written[field]}?"
            codes["required"]["message"] += hint
        if "additionalProperties" in codes:
            _hint(codes["additionalProperties"], *_nested(model, field))
    return problems


def _hint(problem: dict[str, Any], name: str, known: Sequence[str]) -> None:
    problem["target"] = list(known)
    meant = likely(name, known)
    if meant:
        problem["message"] += f"; did you mean {meant}?"


def _nested(model: type[BaseModel], path: str) -> tuple[str, Sequence[str]]:
    """Return the last name of a path, and the names known at its position."""
    above, _, name = path.rpartition(".")
    annotation = model.model_fields[above].annotation if above in model.model_fields else model
    models = [one for one in (annotation, *get_args(annotation)) if _is_model(one)]
    return name, _names(models[0]) if models else ()


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def likely(name: str, known: Sequence[str]) -> str | None:
    """Return the known name that was likely meant: a synonym, or the closest spelling."""
    plain = name.lower().replace("-", "_")
    for meant, others in OTHER_WORDS.items():
        if meant in known and plain in others:
            return meant
    found = difflib.get_close_matches(plain, known, n=1, cutoff=ALIKE)
    return found[0] if found else None


def _names(model: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]
