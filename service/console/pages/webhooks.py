"""All webhooks of an account; forms to create and to edit one."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from aiohttp import web

from service.console import forms
from service.console.pages.catalogue import previews
from service.console.snippets import snippets
from service.console.visit import Visit
from service.domain.errors import Conflict, Invalid, StoreUnavailable, Unavailable
from service.domain.webhook import ALL_HOOKS

ON_A_PAGE = 50
STATES = ("enabled", "disabled", "failing")
AT_LEAST_FAILING = 0.95
TRY = "try"
"""Name of the button that asks which events would match; `part` asks for that part of the page."""
SENDABLE = re.compile(r"whsec_[A-Za-z0-9+/=]+")

Item = Mapping[str, Any]


async def table(visit: Visit) -> web.StreamResponse:
    """Show the webhooks with their health."""
    reply = await visit.ask("listWebhooks", query={"paginate": "false"})
    failing = visit.query.get("state") == "failing"
    glances, since = await glances_of(visit) if failing else (None, None)
    wanted = _chosen(reply.data, glances or {}, visit.query)
    number = max(1, int(visit.query["page"]) if visit.query.get("page", "").isdecimal() else 1)
    shown = wanted[(number - 1) * ON_A_PAGE : number * ON_A_PAGE]
    if not failing:
        glances, since = await glances_of(visit, [one["id"] for one in shown])
    return visit.page(
        "webhooks.html",
        webhooks=shown,
        glances=glances,
        total=len(reply.data),
        matching=len(wanted),
        number=number,
        more=len(wanted) > number * ON_A_PAGE,
        states=STATES,
        since=since,
        disabled=sum(1 for one in reply.data if one.get("disable_reason")),
        done=visit.query.get("done"),
    )


async def glances_of(
    visit: Visit, ids: Sequence[str] | None = None
) -> tuple[dict[str, Item] | None, str | None]:
    """Return the health of webhooks by id, of these or all, and the start of what was counted.

    Health is None if counting takes too long; the start is None if all of 24 hours was counted.
    """
    try:
        query = {} if ids is None else {"hook_ids": ",".join(ids)}
        reply = await visit.ask("getWebhooksHealth", query=query)
    except Unavailable:
        return None, None
    return {one["id"]: one for one in reply.data}, reply.notes.get("counted_since")


def _chosen(
    webhooks: Sequence[Item], glances: Mapping[str, Item], query: Mapping[str, str]
) -> list[Item]:
    text, state = query.get("q", "").lower(), query.get("state")
    found = [
        one
        for one in webhooks
        if text in f"{one.get('name')} {one.get('uri')} {one.get('hook')} {one['id']}".lower()
        and (state not in STATES or _is(one, state, glances.get(one["id"])))
    ]
    return sorted(found, key=lambda one: (str(one.get("name") or "").lower(), one["id"]))


def _is(webhook: Item, state: str, glance: Item | None) -> bool:
    if state == "failing":
        return glance is not None and glance["succeeded"] < glance["attempts"] * AT_LEAST_FAILING
    return bool(webhook.get("enabled")) == (state == "enabled")


async def blank(visit: Visit) -> web.StreamResponse:
    """Show the form for a new webhook; the query may choose the hook."""
    values = {**forms.fields_of(forms.NEW), "hook": visit.query.get("hook", ALL_HOOKS)}
    return _form(visit, None, values, {})


async def create(visit: Visit) -> web.StreamResponse:
    """Create a webhook and show its secret, once; or tell which events it would get."""
    if TRY in visit.form:
        return await _tried(visit, None)
    given = forms.members_of(visit.form)
    members = {key: value for key, value in given.items() if value is not None}
    try:
        reply = await visit.ask("createWebhook", body=members)
    except Invalid as error:
        return _form(visit, None, forms.typed(visit.form), forms.in_words(error.problems))
    except Conflict as error:
        return _form(visit, None, forms.typed(visit.form), {"": str(error)})
    return secret_page(visit, "created.html", reply.data, reply.notes)


async def filled(visit: Visit) -> web.StreamResponse:
    """Show the form of a webhook."""
    reply = await visit.ask("getWebhook")
    return _form(visit, reply.data, forms.fields_of(reply.data), {})


async def edit(visit: Visit) -> web.StreamResponse:
    """Change the members that differ from the stored ones; or tell which events it would get."""
    webhook = (await visit.ask("getWebhook")).data
    if TRY in visit.form:
        return await _tried(visit, webhook)
    members = forms.changed(forms.members_of(visit.form), webhook)
    try:
        if members:
            await visit.ask("patchWebhook", body=members)
    except Invalid as error:
        return _form(visit, webhook, forms.typed(visit.form), forms.in_words(error.problems))
    return visit.to("webhooks", webhook["id"], done="changed")


async def _tried(visit: Visit, webhook: Item | None) -> web.Response:
    """Tell which of the last events a webhook as the form has it would get; nothing is stored."""
    members = forms.members_of(visit.form)
    asked = {name: members[name] for name in forms.DECIDING}
    if not asked["hook"]:
        del asked["hook"]  # a webhook for several hooks
    if webhook is not None:
        asked["hook_id"] = webhook["id"]
    found: Item | None = None
    problems: Mapping[str, str] = {}
    try:
        found = (await visit.ask("matchEvents", body=asked)).data
    except Invalid as error:
        problems = forms.in_words(error.problems)
    except StoreUnavailable:
        problems = {"": "The events could not be read in time."}
    if visit.form[TRY] == "part":
        return visit.page("event_matches.html", matches=found, problems=problems)
    return _form(visit, webhook, forms.typed(visit.form), problems, found)


async def enable_all(visit: Visit) -> web.StreamResponse:
    """Enable the webhooks that were disabled for failing."""
    await visit.ask("enableWebhooks", body={"re-enable": True})
    return visit.to("webhooks", done="enabled")


def secret_page(visit: Visit, template: str, webhook: Item, notes: Item) -> web.Response:
    """Return a page that shows the secret of a webhook, and how to verify requests with it."""
    secret = str(webhook["secret"])
    known = secret if SENDABLE.fullmatch(secret) else None
    return visit.page(template, webhook=webhook, notes=notes, snippets=snippets(known))


def _form(
    visit: Visit,
    webhook: Item | None,
    values: Item,
    problems: Mapping[str, str],
    matches: Item | None = None,
) -> web.Response:
    dialects = visit.console.dialects
    hook = dialects.hooks.get(str(values.get("hook")))
    return visit.page(
        "webhook_form.html",
        status=400 if problems else 200,
        webhook=webhook,
        values=values,
        problems=problems,
        matches=matches,
        hooks=dialects.hooks,
        questions=dialects.questions,
        preview=previews(dialects, hook) if hook is not None else None,
    )
