"""One webhook: its health and attempts, a test, its secret, switching it off, deleting it."""

from datetime import timedelta
from typing import Any

import orjson
from aiohttp import web

from service.console.forms import in_words
from service.console.pages.filters import ATTEMPTS, listed
from service.console.pages.webhooks import glances_of, secret_page
from service.console.snippets import snippets
from service.console.visit import Visit
from service.dialects.hook import Hook
from service.domain.delivery import Outcome
from service.domain.errors import Conflict, Invalid, RejectedMessage
from service.domain.webhook import ALL_HOOKS
from service.pipeline.dry_run.sample import DOCUMENTED

ON_A_PAGE = 25
OVERLAPS = {"0": "at once", "3600": "1 hour", "86400": "1 day", "604800": "1 week"}


async def one(visit: Visit) -> web.StreamResponse:
    """Show a webhook with its attempts."""
    webhook = (await visit.ask("getWebhook")).data
    glances, since = await glances_of(visit, [webhook["id"]])
    return visit.page(
        "webhook.html",
        webhook=webhook,
        glance=(glances or {}).get(webhook["id"]),
        counted=glances is not None,
        since=since,
        attempts=await listed(visit, "listWebhookAttempts", ATTEMPTS, ON_A_PAGE),
        outcomes=list(Outcome),
        snippets=snippets(None),
        done=visit.query.get("done"),
    )


async def switch(visit: Visit) -> web.StreamResponse:
    """Enable, disable, pause or resume a webhook."""
    if "paused" in visit.form:
        paused = visit.form.get("paused") == "true"
        await visit.ask("patchWebhook", body={"paused": paused})
        done = "paused" if paused else "resumed"
        return visit.to("webhooks", visit.request.match_info["webhook_id"], done=done)
    enabled = visit.form.get("enabled") == "true"
    await visit.ask("patchWebhook", body={"enabled": enabled})
    done = "enabled" if enabled else "disabled"
    return visit.to("webhooks", visit.request.match_info["webhook_id"], done=done)


async def ask_test(visit: Visit) -> web.StreamResponse:
    """Ask which sample to send."""
    webhook = (await visit.ask("getWebhook")).data
    return visit.page("test.html", webhook=webhook, hooks=_hooks(visit, webhook), problem="")


async def test(visit: Visit) -> web.StreamResponse:
    """Send a sample, and show the attempt."""
    hook = visit.form.get("hook", "")
    webhook = (await visit.ask("getWebhook")).data
    try:
        reply = await visit.ask("testWebhook", body={"hook": hook} if hook else {})
    except (Conflict, Invalid) as error:
        hooks = _hooks(visit, webhook)
        return visit.page("test.html", 409, webhook=webhook, hooks=hooks, problem=str(error))
    return visit.page("tested.html", webhook=webhook, attempt=reply.data)


def _hooks(visit: Visit, webhook: dict[str, object]) -> list[str]:
    """Return the hooks whose samples the webhook would get."""
    named = webhook.get("event_types") or [webhook.get("hook")]
    hooks = visit.console.dialects.hooks
    chosen = [str(name) for name in named if name in hooks] if isinstance(named, list) else []
    return list(hooks) if ALL_HOOKS in (named if isinstance(named, list) else ()) else chosen


async def match(visit: Visit) -> web.StreamResponse:
    """Tell whether the webhook would get an event, and if not, why."""
    webhook = (await visit.ask("getWebhook")).data
    hook, text = visit.query.get("hook", ""), visit.query.get("event", "")
    verdicts: list[dict[str, Any]] = []
    problems: dict[str, str] = {}
    if hook:
        try:
            question = {"hook": hook, "event": _object(text)}
            reply = await visit.ask("matchWebhooks", body=question)
            verdicts = [_verdict(one, webhook["id"]) for one in reply.data]
        except Invalid as error:
            problems = in_words(error.problems)
        except RejectedMessage as error:
            problems = {"event": error.detail}
    hooks = visit.console.dialects.hooks
    return visit.page(
        "match.html",
        webhook=webhook,
        hooks=hooks,
        hook=hook or webhook.get("hook"),
        text=text,
        verdicts=verdicts,
        problems=problems,
        sample=_sample_body(hooks.get(hook or str(webhook.get("hook")))),
    )


def _object(text: str) -> dict[str, Any]:
    """Return the JSON object in a text. Raises Invalid."""
    try:
        value = orjson.loads(text or "{}")
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise Invalid.of("event", "invalid", 'must be a JSON object, such as {"Action": "x"}')
    return value


def _verdict(answer: dict[str, Any], webhook_id: str) -> dict[str, Any]:
    """Return the verdict on one webhook, with the event and its payload."""
    of_webhook = next(one for one in answer["webhooks"] if one["id"] == webhook_id)
    return {**of_webhook, "hook": answer["hook"], "payload": answer["payload"]}


def _sample_body(hook: Hook | None) -> dict[str, Any]:
    """Return the switch's own message that the sample of a hook consists of."""
    return {} if hook is None else dict(hook.sample(DOCUMENTED).body)


async def ask_rotation(visit: Visit) -> web.StreamResponse:
    """Ask for how long the old secret shall sign as well."""
    webhook = (await visit.ask("getWebhook")).data
    return visit.page("rotate.html", webhook=webhook, overlaps=OVERLAPS, problem="")


async def rotate(visit: Visit) -> web.StreamResponse:
    """Give the webhook a new secret and show it, once."""
    overlap = visit.form.get("overlap_s", "86400")
    overlap_s = int(overlap) if overlap in OVERLAPS else 86_400
    try:
        reply = await visit.ask("rotateSecret", body={"overlap_s": overlap_s})
    except Conflict as error:
        webhook = (await visit.ask("getWebhook")).data
        return visit.page(
            "rotate.html", 409, webhook=webhook, overlaps=OVERLAPS, problem=str(error)
        )
    notes = {"overlap": timedelta(seconds=overlap_s)}
    return secret_page(visit, "rotated.html", reply.data, notes)


async def ask_deletion(visit: Visit) -> web.StreamResponse:
    """Name what a deletion does, before it is done."""
    webhook = (await visit.ask("getWebhook")).data
    letters = await visit.ask(
        "discardDeadLetters", body={"filter": {"hook_id": webhook["id"]}, "dry_run": True}
    ) if not visit.principal.read_only else None  # fmt: skip
    waiting = 0 if letters is None else letters.data["matched"]
    return visit.page("delete.html", webhook=webhook, letters=waiting)


async def delete(visit: Visit) -> web.StreamResponse:
    """Delete the webhook for good."""
    await visit.ask("deleteWebhook")
    return visit.to("webhooks", done="deleted")
