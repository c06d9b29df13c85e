"""Dead letters: find them, and replay or discard them after naming what will happen."""

from collections.abc import Mapping, Sequence
from typing import Any

from aiohttp import web

from service.console.forms import in_words
from service.console.pages.filters import LETTERS, Listed, listed
from service.console.visit import Visit
from service.domain.delivery import DeadLetterReason
from service.domain.errors import Invalid

ON_A_PAGE = 50
ACTIONS = {"replay": "replayDeadLetters", "discard": "discardDeadLetters"}
PACE = ("rate_per_s", "max_age_s")
"""Fields of a replay beside its selection."""
FILTERED_BY = {
    "reason": "reason", "hook": "hook", "call_id": "call_id", "hook_id": "hook_id",
    "endpoint": "endpoint", "from": "created_from", "to": "created_to",
}  # fmt: skip
"""Names in the query of the page, each with the member of the operations' `filter`."""


async def table(visit: Visit) -> web.StreamResponse:
    """Show the dead letters that the query selects."""
    letters = await listed(visit, "listDeadLetters", LETTERS, ON_A_PAGE)
    return _page(visit, letters)


def _page(visit: Visit, letters: Listed, problem: str = "", status: int = 200) -> web.Response:
    return visit.page(
        "dead_letters.html",
        status,
        letters=letters,
        reasons=list(DeadLetterReason),
        filtered={key: visit.query[key] for key in FILTERED_BY if key in visit.query},
        problem=problem,
        done=visit.query.get("done"),
        number=visit.query.get("count", ""),
    )


async def ask(visit: Visit) -> web.StreamResponse:
    """Count the dead letters that an order concerns, and ask whether to go on."""
    action = visit.form.get("action", "")
    order = order_of(visit.form)
    if action not in ACTIONS or order is None:
        letters = await listed(visit, "listDeadLetters", LETTERS, ON_A_PAGE)
        return _page(visit, letters, "Select some dead letters first.", 400)
    reply = await visit.ask(ACTIONS[action], body={**order, "dry_run": True})
    return visit.page(
        "dead_letters_sure.html",
        action=action,
        matched=reply.data["matched"],
        fields=[(key, value) for key, value in visit.form.items() if key not in ("csrf", "action")],
        filtered=order.get("filter"),
        problem="",
    )


async def do(visit: Visit) -> web.StreamResponse:
    """Replay or discard."""
    action = visit.form.get("action", "")
    order = order_of(visit.form)
    if action not in ACTIONS or order is None:
        return visit.to("dead-letters")
    if action == "replay":
        order["rate_per_s"] = visit.form.get("rate_per_s") or "50"
        order["max_age_s"] = visit.form.get("max_age_s", "").strip() or None
    try:
        reply = await visit.ask(ACTIONS[action], body=order)
    except Invalid as error:
        return await _again(visit, action, order, in_words(error.problems))
    if action == "replay":
        return visit.to("replays", done="started")
    return visit.to("dead-letters", done="discarded", count=str(reply.data["discarded"]))


async def _again(
    visit: Visit, action: str, order: dict[str, Any], problems: Mapping[str, str]
) -> web.Response:
    order = {key: value for key, value in order.items() if key in ("ids", "filter")}
    reply = await visit.ask(ACTIONS[action], body={**order, "dry_run": True})
    kept = [(k, v) for k, v in visit.form.items() if k not in ("csrf", "action", *PACE)]
    return visit.page(
        "dead_letters_sure.html",
        400,
        action=action,
        matched=reply.data["matched"],
        fields=kept,
        filtered=order.get("filter"),
        problem="; ".join(problems.values()),
    )


def order_of(form: Any) -> dict[str, Any] | None:
    """Return the selection that a form describes, or None if it selects nothing.

    The form says `scope=all` for everything that its filters match, else it lists ids.
    """
    if form.get("scope") == "all":
        given = {ours: form.get(name, "").strip() for name, ours in FILTERED_BY.items()}
        return {"filter": {key: value for key, value in given.items() if value}}
    ids: Sequence[str] = form.getall("id", [])
    return {"ids": list(ids)} if ids else None


async def one(visit: Visit) -> web.StreamResponse:
    """Show a dead letter with its attempts and payload."""
    letter = (await visit.ask("getDeadLetter")).data
    return visit.page("dead_letter.html", letter=letter)


async def replays(visit: Visit) -> web.StreamResponse:
    """Show the replays with their progress."""
    found = await listed(visit, "listReplays", {"start": "start_key"}, ON_A_PAGE)
    running = any(one["state"] == "running" for one in found.items)
    return visit.page("replays.html", replays=found, running=running, done=visit.query.get("done"))


async def stop(visit: Visit) -> web.StreamResponse:
    """Stop a replay."""
    await visit.ask("cancelReplay")
    return visit.to("replays", done="stopped")
