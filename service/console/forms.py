"""Convert between the fields of a form and the members of a webhook."""

from collections.abc import Mapping
from typing import Any

import orjson
from multidict import MultiDict

TEXTS = ("name", "uri", "hook", "http_verb", "format", "retries")
OPTIONAL = (
    "timeout_s", "fallback_uri", "coalesce_ms", "schema_version", "max_age_s", "budget_s",
    "static_answer", "answer_form", "ordering", "ordering_wait_s", "profile", "timezone",
)  # fmt: skip
FLAGS = (
    "enabled", "paused", "include_subaccounts", "include_internal_legs", "public_key_signature",
)  # fmt: skip
PAIRS = ("custom_data", "modifiers", "headers", "auth", "batch")
WORDS = ("extras",)
"""Members that a form has as words."""
LISTS = ("filters", "mask", "omit")
"""Members that a form has as JSON."""
FIELDS = (*TEXTS, *OPTIONAL, *FLAGS, *WORDS, *PAIRS, *LISTS)
DECIDING = (
    "hook", "custom_data", "modifiers", "filters", "timezone", "schema_version", "profile",
    "include_subaccounts", "include_internal_legs",
)  # fmt: skip
"""Members that decide which events a webhook gets."""
NEW: Mapping[str, Any] = {
    "name": "", "uri": "", "hook": "all", "http_verb": "post", "format": "json", "retries": 2,
    "enabled": True, "include_internal_legs": True,
}  # fmt: skip

Problems = Mapping[str, str]


def members_of(form: MultiDict[str]) -> dict[str, Any]:
    """Return the members that a form sets; a field left blank is None."""
    members: dict[str, Any] = {name: form.get(name, "").strip() for name in TEXTS}
    members |= {name: form.get(name, "").strip() or None for name in OPTIONAL}
    members |= {name: name in form for name in FLAGS}
    members |= {name: form.get(name, "").split() or None for name in WORDS}
    members |= {name: pairs_in(form.get(name, "")) or None for name in PAIRS}
    members |= {name: _json_in(form.get(name, "")) or None for name in LISTS}
    return members


def changed(members: Mapping[str, Any], shown: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members that differ from those shown, so that only these are checked."""
    return {
        name: value
        for name, value in members.items()
        if _text(value) != _text(_short(shown.get(name)))
    }


def _text(value: Any) -> str:
    """Return a value as a form has it: 2 and "2" are the same, as are nothing, false and {}."""
    if isinstance(value, Mapping):
        return lines_of(value)
    if isinstance(value, list):
        return json_of(value) if value else ""
    return "" if value is None or value is False else str(value)


def _short(value: Any) -> Any:
    """Return 4 for 4.0, as people write it."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def pairs_in(text: str) -> dict[str, Any]:
    """Return the members written one in a line, as `name: value`; a list is written as JSON."""
    pairs: dict[str, Any] = {}
    for line in text.splitlines():
        name, _, value = line.partition(":")
        if line.strip():
            pairs[name.strip()] = _value(value.strip())
    return pairs


def lines_of(members: Any) -> str:
    """Return the members as lines, which `pairs_in` reads; nothing if it is no object."""
    if not isinstance(members, Mapping):
        return ""
    return "\n".join(f"{name}: {_line(value)}" for name, value in members.items())


def _json_in(text: str) -> Any:
    """Return the value of a JSON text; text that is none stays, for the API to refuse."""
    try:
        return orjson.loads(text) if text.strip() else None
    except orjson.JSONDecodeError:
        return text


def json_of(value: Any) -> str:
    """Return a list as JSON with one element in a line; nothing if it is empty."""
    if not isinstance(value, list) or not value:
        return ""
    elements = (orjson.dumps(one, default=str).decode() for one in value)
    return "[" + ",\n ".join(elements) + "]"


def _value(text: str) -> Any:
    if not text.startswith("["):
        return text
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


def _line(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value, default=str).decode()


def fields_of(view: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a form for a webhook as the API shows it."""
    values = {name: _short(view.get(name)) for name in FIELDS}
    values |= {name: lines_of(view.get(name)) for name in PAIRS}
    values |= {name: json_of(view.get(name)) for name in LISTS}
    return values


def typed(form: MultiDict[str]) -> dict[str, Any]:
    """Return the values of a form as a person typed them, to be corrected."""
    values: dict[str, Any] = {
        name: form.get(name, "") for name in (*TEXTS, *OPTIONAL, *PAIRS, *LISTS)
    }
    values |= {name: form.get(name, "").split() for name in WORDS}
    return values | {name: name in form for name in FLAGS}


def in_words(problems: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> dict[str, str]:
    """Return one sentence for each field with problems; of a list, with the path of each."""
    found: dict[str, str] = {}
    for field, codes in problems.items():
        name = field.partition(".")[0]
        text = "; ".join(str(problem.get("message", code)) for code, problem in codes.items())
        if name in (*LISTS, "batch") and field != name:
            text = f"{field}: {text}"
        found[name] = f"{found[name]}; {text}" if name in found else text
    return found
