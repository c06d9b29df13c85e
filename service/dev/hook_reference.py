"""The reference of a dialect's hooks, in Markdown, made from the catalogue and real payloads."""

from collections.abc import Iterator

import orjson

from service.dialects.dialect import Dialect
from service.dialects.hook import Hook
from service.pipeline.dry_run.sample import sample_payload
from service.profiles.known import KINDS, Origin, origins_of

MOST_KEYS = 3


def hook_table(dialect: Dialect) -> str:
    """Return a table with a row per hook: its meaning, and its exchanges and routing keys."""
    rows = ["| hook | fires when | exchange and keys |", "|---|---|---|"]
    rows += [
        f"| `{hook.hook_id}` | {hook.description} | {'; '.join(_sources(hook))} |"
        for hook in dialect.hooks
    ]
    return "\n".join(rows) + "\n"


def hook_reference(dialect: Dialect) -> str:
    """Return the whole reference: the table, then each hook with its fields and its sample."""
    parts = [
        "# Hooks\n",
        "Written by `switchhook hooks --markdown`; every payload may also have the members of the\n"
        "webhook's own `custom_data`. A webhook on hook `all` gets the events of every hook.\n",
        hook_table(dialect),
        *_profiles(dialect),
        *(_chapter(dialect, hook) for hook in dialect.hooks),
    ]
    return "\n".join(parts)


def _profiles(dialect: Dialect) -> Iterator[str]:
    """Yield a table of the requests of profiles, and of which hooks each is made."""
    rows = [
        f"| `{kind.schema_id}`: {kind.name} | {_made_of(origin)} |"
        for profile, kind in KINDS.values()
        for origin in origins_of(profile, kind, [dialect.name]).values()
    ]
    if rows:
        head = ["| request of a webhook with a `profile` | hooks |", "|---|---|"]
        yield "\n".join([*head, *rows]) + "\n"


def _made_of(origin: Origin) -> str:
    return ", ".join(f"`{hook_id}`" for hook_id in origin.hooks) or f"never comes: {origin.never}"


def _chapter(dialect: Dialect, hook: Hook) -> str:
    told = f"{hook.description} Schema `{hook.schema_id}`. Class of freshness: {_freshness(hook)}."
    lines = [f"## {hook.hook_id}", "", told, ""]
    if len(hook.changes) > 1:
        lines += [f"- version {number}: {change}" for number, change in hook.changes.items()]
        lines.append("")
    lines += ["| field | type | meaning |", "|---|---|---|", *_rows(hook), ""]
    lines += [*_modifiers(hook), "```json", _sample(dialect, hook), "```", ""]
    return "\n".join(lines)


def _freshness(hook: Hook) -> str:
    others = (f"; {name}: {kind.value}" for name, kind in hook.freshness_of.items())
    return hook.freshness.value + "".join(others)


def _rows(hook: Hook) -> Iterator[str]:
    for name, member in hook.schema["properties"].items():
        kind = member["type"]
        types = kind if isinstance(kind, str) else " or ".join(kind)
        mark = "" if name in hook.required else "?"
        yield f"| `{name}`{mark} | {types} | {member['description']} |"


def _modifiers(hook: Hook) -> Iterator[str]:
    for key, modifier in hook.modifiers.items():
        values = ", ".join(f"`{value}`" for value in modifier["items"])
        yield f"`custom_data.{key}` filters: {modifier['description']} One of {values}.\n"


def _sources(hook: Hook) -> Iterator[str]:
    for binding in hook.binds:
        keys = [f"`{key}`" for key in binding.routing_keys[:MOST_KEYS]]
        more = len(binding.routing_keys) - MOST_KEYS
        yield f"`{binding.exchange}`: {', '.join(keys)}{f' and {more} more' if more > 0 else ''}"


def _sample(dialect: Dialect, hook: Hook) -> str:
    return orjson.dumps(sample_payload(dialect, hook), option=orjson.OPT_INDENT_2).decode()
