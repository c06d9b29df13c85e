"""The catalogue of hooks: every field, samples, versions, with a search; requests of profiles."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from service.console.visit import Visit
from service.dialects.dialect import Dialects
from service.dialects.hook import Hook
from service.domain.errors import NotFound
from service.pipeline.dry_run.sample import sample_payload
from service.profiles.known import KINDS, origins_of


async def table(visit: Visit) -> web.StreamResponse:
    """Show the hooks that the search finds, in their names, texts and fields."""
    wanted = visit.query.get("q", "").lower()
    found = {
        hook.hook_id: [name for name in hook.members if wanted and wanted in name.lower()]
        for hook in visit.console.dialects.hooks.values()
        if wanted in _text(hook)
    }
    dialects = visit.console.dialects
    requests = [] if wanted else _of_profiles(dialects)
    return visit.page("hooks.html", hooks=dialects.hooks, found=found, requests=requests)


async def one(visit: Visit) -> web.StreamResponse:
    """Show a hook; as a fragment for the form of a webhook if the query asks for it."""
    dialects = visit.console.dialects
    hook = dialects.hooks.get(visit.request.match_info["hook_id"])
    if hook is None:
        raise NotFound("hook")
    fragment = "fragment" in visit.query
    template = "hook_preview.html" if fragment else "hook.html"
    return visit.page(template, preview=previews(dialects, hook))


def previews(dialects: Dialects, hook: Hook) -> Mapping[str, Any]:
    """Return a hook with its fields and a sample of what is sent."""
    fields = [
        {
            "name": name,
            "kind": _kind(schema),
            "description": schema.get("description", ""),
            "always": name in hook.required,
        }
        for name, schema in {**hook.members, **hook.added}.items()
    ]
    sample = sample_payload(dialects.of(hook.source), hook)
    return {"hook": hook, "fields": fields, "sample": sample, "filters": hook.filterable()}


def _of_profiles(dialects: Dialects) -> list[Mapping[str, Any]]:
    """Return the requests of profiles, with what they are made of on each switch."""
    enabled = [dialect.name for dialect in dialects.enabled]
    every = ((kind, origins_of(profile, kind, enabled)) for profile, kind in KINDS.values())
    return [{"kind": kind, "origins": origins} for kind, origins in every if origins]


def _kind(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return "one of " + ", ".join(str(value) for value in schema["enum"])
    if "const" in schema:
        return f"always {schema['const']}"
    kind = schema.get("type", "any")
    return " or ".join(kind) if isinstance(kind, list) else str(kind)


def _text(hook: Hook) -> str:
    return " ".join((hook.hook_id, hook.name, hook.description, *hook.members)).lower()
