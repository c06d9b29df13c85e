"""Check whether a webhook's filters can match: refuse impossible ones, warn of doubtful ones.

A hook's payload is closed if the decoder writes every member itself. An open payload consists of
what the switch's apps publish, so that new members may appear.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from service.dialects.hook import Hook
from service.documents.webhook import FILTER_KEYS
from service.documents.webhook_form import Document
from service.domain.webhook import ALL_HOOKS

Problem = tuple[str, str, dict[str, Any]]
"""Field, code, details."""

NOT_LISTED = "value not found in enumerated list of values"
JSON_TYPES: Mapping[type, tuple[str, ...]] = {
    str: ("string",),
    bool: ("boolean",),
    int: ("integer", "number"),
    float: ("number",),
    type(None): (),
}


def impossible(merged: Document, hooks: Mapping[str, Hook]) -> Iterator[Problem]:
    """Yield the filters that can never match an event, or that never filter any."""
    hook = hooks.get(str(merged.get("hook")))
    if hook is None:
        return
    yield from _impossible_texts(merged, hook)
    if not hook.open:
        yield from _doubtful_modifiers(merged, hook, _types([hook], merged))


def doubts(merged: Document, hooks: Mapping[str, Hook]) -> list[str]:
    """Return warnings about filters that may never match, or filter nothing, as known today."""
    name = str(merged.get("hook"))
    hook = hooks.get(name)
    found = list(_idle_texts(merged, name, hook))
    if name == ALL_HOOKS or (hook is not None and hook.open):
        known = _types(list(hooks.values()) if hook is None else [hook], merged)
        for field, _, details in _doubtful_modifiers(merged, hook, known):
            found.append(f"{field}: {details['message']}")
    return found


def _impossible_texts(merged: Document, hook: Hook) -> Iterator[Problem]:
    """Check the filters `type` and `action` against the values in the hook's events."""
    custom_data = merged.get("custom_data") or {}
    for key, allowed in hook.filterable().items():
        value = custom_data.get(key)
        if value is not None and value not in (*allowed, "all"):
            details = {"message": NOT_LISTED, "cause": value, "target": list(allowed)}
            yield f"custom_data.{key}", "enum", details


def _idle_texts(merged: Document, name: str, hook: Hook | None) -> Iterator[str]:
    custom_data = merged.get("custom_data") or {}
    allowed = {} if hook is None else hook.filterable()
    for key in FILTER_KEYS:
        if custom_data.get(key) is not None and key not in allowed:
            yield f"custom_data.{key}: it filters nothing for hook {name}, and is never sent"
    for key, reasons in {} if hook is None else hook.never_stored.items():
        reason = reasons.get(str(custom_data.get(key)))
        if reason is not None:
            yield f"custom_data.{key}: {reason}"


def _types(hooks: Sequence[Hook], merged: Document) -> dict[str, set[str]]:
    """Return the JSON types that members of the hooks' payloads may have, in its versions."""
    pin, found = merged.get("schema_version"), dict[str, set[str]]()
    for hook in hooks:
        version = hook.pinned(pin if isinstance(pin, int) else None)
        for name, member in hook.members_of(version).items():
            kinds = member["type"]
            found.setdefault(name, set()).update([kinds] if isinstance(kinds, str) else kinds)
    return found


def _doubtful_modifiers(
    merged: Document, hook: Hook | None, known: Mapping[str, set[str]]
) -> Iterator[Problem]:
    name = ALL_HOOKS if hook is None else hook.hook_id
    fixed = {} if hook is None else hook.fixed
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
        elif key in fixed and values and fixed[key] not in values:
            message = f"it is always {fixed[key]} for this hook"
            yield field, "enum", {"message": message, "target": [fixed[key]], "value": allowed}


def _can_be(value: Any, kinds: set[str]) -> bool:
    """Return whether the type fits, as strictly as filters compare: 1 is neither true nor "1"."""
    return not kinds.isdisjoint(JSON_TYPES.get(type(value), ()))
