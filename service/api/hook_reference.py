"""The reference of all hooks, in Markdown: made of the catalogue, and of what is really sent."""

from collections.abc import Iterator
from typing import Any

import orjson

from service.dialects.bus_message import Occasion
from service.dialects.catalogue import Hook, hooks
from service.dialects.kazoo.decode import KazooDecoder
from service.dialects.kazoo.policy import KazooPolicy
from service.pipeline.dry_run.preview import preview

MOST_KEYS = 3
SAMPLE_BYTES = 1_000_000
DOCUMENTED = Occasion(
    account_id="00000000000000000000000000000c03",
    call_id="NDlkNGI3.OTZlMDgz@10.26.0.58",
    at=1_710_278_674.0,
    message_id="9f7c1d2e3b4a5968",
)


def hook_table() -> str:
    """Return one row per hook: what it is for, and what brings it."""
    rows = ["| hook | fires when | exchange and keys |", "|---|---|---|"]
    rows += [
        f"| `{hook.hook_id}` | {hook.description} | {'; '.join(_sources(hook))} |"
        for hook in hooks(KazooPolicy())
    ]
    return "\n".join(rows) + "\n"


def hook_reference() -> str:
    """Return the whole reference: the table, then each hook with its fields and its sample."""
    parts = [
        "# Hooks\n",
        "Written by `switchhook hooks --markdown`; every payload may also have the members of the\n"
        "webhook's own `custom_data`. A webhook on hook `all` gets the events of every hook.\n",
        hook_table(),
        *(_chapter(hook) for hook in hooks(KazooPolicy())),
    ]
    return "\n".join(parts)


def _chapter(hook: Hook) -> str:
    lines = [f"## {hook.hook_id}", "", f"{hook.description} Schema `{hook.schema_id}`.", ""]
    lines += ["| field | type | meaning |", "|---|---|---|", *_rows(hook), ""]
    lines += [*_modifiers(hook), "```json", _sample(hook), "```", ""]
    return "\n".join(lines)


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


def sample_payload(hook: Hook, occasion: Occasion) -> dict[str, Any]:
    """Return what a receiver gets for the hook's sample message."""
    decoder = KazooDecoder(KazooPolicy(), SAMPLE_BYTES)
    return preview(decoder, hook.source, hook.sample(occasion))[hook.hook_id]


def _sample(hook: Hook) -> str:
    payload = sample_payload(hook, DOCUMENTED)
    return orjson.dumps(payload, option=orjson.OPT_INDENT_2).decode()
