"""Check a webhook's filters, time zone, masks and omissions: each problem with its path."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any
from zoneinfo import ZoneInfo

from service.dialects.hook import Hook
from service.documents.privacy import privacy_problems
from service.documents.webhook_form import Document
from service.domain.filters.filters import UTC, zone_of
from service.domain.filters.reading import FiltersReader, Problem
from service.domain.webhook import ALL_HOOKS

OF_EVENTS = ("filters", "mask", "omit")
"""Members that concern the payloads of events."""


def clause_problems(
    given: Document, merged: Document, questions: Collection[str]
) -> Iterator[Problem]:
    """Yield the problems of the given members, whatever the webhook's hook."""
    if given.get("filters") is not None:
        reader = FiltersReader(ZoneInfo(UTC))
        reader.read(given["filters"])
        yield from reader.problems
    if given.get("timezone") is not None and zone_of(given["timezone"]) is None:
        message = "must be the name of a time zone of the IANA database, such as Europe/Berlin"
        yield "timezone", "invalid", {"message": message, "value": given["timezone"]}
    yield from privacy_problems({name: given.get(name) for name in ("mask", "omit")})
    if merged.get("hook") in questions and not given.keys().isdisjoint(("hook", *OF_EVENTS)):
        for name in OF_EVENTS:
            if merged.get(name):
                yield name, "invalid", {"message": "not for actionable hooks: they get no events"}


def unknown_members(merged: Document, hooks: Mapping[str, Hook]) -> Iterator[Problem]:
    """Yield the members of filters, masks and omissions that no payload of the hook has."""
    hook = hooks.get(str(merged.get("hook")))
    if hook is not None and not hook.open:
        yield from _unknown(merged, [hook])


def doubtful_members(merged: Document, hooks: Mapping[str, Hook]) -> list[str]:
    """Return warnings about members that no payload is known to have, where others may appear."""
    name = str(merged.get("hook"))
    hook = hooks.get(name)
    if name != ALL_HOOKS and (hook is None or not hook.open):
        return []
    found = _unknown(merged, list(hooks.values()) if hook is None else [hook])
    return [f"{path}: {details['message']}" for path, _, details in found]


def _unknown(merged: Document, hooks: list[Hook]) -> Iterator[Problem]:
    pin = merged.get("schema_version")
    known: dict[str, list[Mapping[str, Any]]] = {}
    for hook in hooks:
        version = hook.pinned(pin if isinstance(pin, int) else None)
        for name, schema in hook.members_of(version).items():
            known.setdefault(name, []).append(schema)
    for path, member in (*_named("filters", merged.get("filters")), *_hidden(merged)):
        if isinstance(member, str) and not _is_known(member, known):
            message = f"no payload of hook {merged.get('hook')} is known to have {member}"
            yield path, "enum", {"message": message, "target": sorted(known)}


def _is_known(member: str, known: Mapping[str, list[Mapping[str, Any]]]) -> bool:
    """Return whether a payload may have a member; objects without a schema may have any."""
    first, _, below = member.partition(".")
    if first not in known:
        return False
    inner = [schema["properties"] for schema in known[first] if schema.get("properties")]
    if not below or len(inner) < len(known[first]):
        return True
    listed: dict[str, list[Mapping[str, Any]]] = {}
    for properties in inner:
        for name, schema in properties.items():
            listed.setdefault(name, []).append(schema)
    return _is_known(below, listed)


def _named(path: str, clauses: Any) -> Iterator[tuple[str, Any]]:
    """Yield the members that clauses name, with the path of each."""
    if isinstance(clauses, list):
        for number, clause in enumerate(clauses):
            yield from _named(f"{path}.{number}", clause)
    elif isinstance(clauses, Mapping):
        if "member" in clauses:
            yield f"{path}.member", clauses["member"]
        for name in ("any_of", "all_of", "not"):
            yield from _named(f"{path}.{name}", clauses.get(name))


def _hidden(merged: Document) -> Iterator[tuple[str, Any]]:
    for name in ("mask", "omit"):
        rules = merged.get(name)
        for number, rule in enumerate(rules if isinstance(rules, list) else ()):
            if isinstance(rule, Mapping):
                yield f"{name}.{number}.member", rule.get("member")
            else:
                yield f"{name}.{number}", rule
