"""Whether the filters of a webhook can ever match: what cannot is refused, what may not is told.

A hook's payload is closed where the decoder writes every member itself; of notifications and faxes
it is what the switch's apps say, in which a member may come to exist.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from service.dialects.catalogue import OBJECT_ACTIONS, Hook
from service.dialects.kazoo.events.faxes import NAME as FAX_STATUS
from service.dialects.kazoo.events.notifications import CALLFLOW, FAX_TYPES
from service.dialects.kazoo.events.objects import FAX_TYPES as FAX_OBJECTS
from service.documents.webhook_form import Document
from service.domain.webhook import ALL_HOOKS, FILTER_KEYS

Problem = tuple[str, str, dict[str, Any]]
"""Field, code, details."""

OPEN_HOOKS = ("notifications", "fax", ALL_HOOKS)
"""Those whose payloads may have members that the catalogue does not know."""
OF_FAXES = {
    "type": (FAX_STATUS, *FAX_OBJECTS, *sorted(FAX_TYPES)),
    "action": tuple(action for action in OBJECT_ACTIONS if action != "all"),
}
"""What the filters of the hook `fax` are compared with."""
NOT_LISTED = "value not found in enumerated list of values"
JSON_TYPES: Mapping[type, tuple[str, ...]] = {
    str: ("string",),
    bool: ("boolean",),
    int: ("integer", "number"),
    float: ("number",),
    type(None): (),
}


def impossible(merged: Document, hooks: Mapping[str, Hook]) -> Iterator[Problem]:
    """Yield the filters with which a webhook would never get an event, or that never filter."""
    hook = hooks.get(str(merged.get("hook")))
    if hook is None:
        return
    yield from _impossible_texts(merged, hook)
    if hook.hook_id not in OPEN_HOOKS:
        yield from _doubtful_modifiers(merged, hook.hook_id, _types([hook]))


def doubts(merged: Document, hooks: Mapping[str, Hook]) -> list[str]:
    """Return, in words, what filters may never match, or do nothing, as far as is known today."""
    name = str(merged.get("hook"))
    found = list(_idle_texts(merged, name, hooks))
    if name in OPEN_HOOKS:
        known = _types(list(hooks.values()) if name == ALL_HOOKS else [hooks[name]])
        for field, _, details in _doubtful_modifiers(merged, name, known):
            found.append(f"{field}: {details['message']}")
    return found


def _impossible_texts(merged: Document, hook: Hook) -> Iterator[Problem]:
    """Judge `type` and `action`, which filter, by what the hook's events have."""
    custom_data = merged.get("custom_data") or {}
    for key, allowed in _allowed(hook).items():
        value = custom_data.get(key)
        if value is not None and value not in (*allowed, "all"):
            details = {"message": NOT_LISTED, "cause": value, "target": list(allowed)}
            yield f"custom_data.{key}", "enum", details


def _allowed(hook: Hook) -> Mapping[str, Sequence[str]]:
    if hook.hook_id == "fax":
        return OF_FAXES
    return {key: list(modifier["items"]) for key, modifier in hook.modifiers.items()}


def _idle_texts(merged: Document, name: str, hooks: Mapping[str, Hook]) -> Iterator[str]:
    custom_data = merged.get("custom_data") or {}
    allowed = _allowed(hooks[name]) if name in hooks else {}
    for key in FILTER_KEYS:
        if custom_data.get(key) is not None and key not in allowed:
            yield f"custom_data.{key}: it filters nothing for hook {name}, and is never sent"
    if name == "notifications" and custom_data.get("type") == CALLFLOW:
        yield (
            f"custom_data.type: a notification of type {CALLFLOW} goes to the webhook that a "
            "callflow brings along, never to a stored one"
        )


def _types(hooks: Sequence[Hook]) -> dict[str, set[str]]:
    """Return the JSON types that members of the hooks' payloads may have."""
    found: dict[str, set[str]] = {}
    for hook in hooks:
        described = hook.schema["properties"]
        for name in hook.fields:
            kinds = described[name]["type"]
            found.setdefault(name, set()).update([kinds] if isinstance(kinds, str) else kinds)
    return found


def _doubtful_modifiers(
    merged: Document, name: str, known: Mapping[str, set[str]]
) -> Iterator[Problem]:
    for key, allowed in (merged.get("modifiers") or {}).items():
        field = f"modifiers.{key}"
        values = allowed if isinstance(allowed, list) else [allowed]
        if key not in known:
            message = f"no payload of hook {name} is known to have this member: it filters nothing"
            yield field, "enum", {"message": message, "target": sorted(known)}
        elif values and not any(_can_be(value, known[key]) for value in values):
            target = sorted(known[key])
            message = f"it never has such a value: its type is {' or '.join(target)}"
            yield field, "type", {"message": message, "target": target, "value": allowed}
        elif key == "hook_event" and name != ALL_HOOKS and values and name not in values:
            message = f"it is always {name} for this hook"
            yield field, "enum", {"message": message, "target": [name], "value": allowed}


def _can_be(value: Any, kinds: set[str]) -> bool:
    """Compare types as strictly as filters do: 1 is neither true nor "1"."""
    return not kinds.isdisjoint(JSON_TYPES.get(type(value), ()))
