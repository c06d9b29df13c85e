"""Rejected messages: take them from their queue, see why and what, bring back or discard."""

from aiohttp import web

from service.console.addresses import url_of
from service.console.pages.filters import listed
from service.console.visit import Visit, redirect
from service.domain.errors import Conflict, RejectReason, Unavailable

ON_A_PAGE = 50
FILTERS = {"reason": "filter_reason", "start": "start_key"}
ACTIONS = {"retry": "retryRejected", "discard": "discardRejected"}
DONE = {"retry": "retried", "discard": "discarded"}


async def table(visit: Visit) -> web.StreamResponse:
    """Show the messages that were taken from the queue, and how many are still in it."""
    visit.check_operator()
    return await _table(visit)


async def _table(visit: Visit, problem: str = "", status: int = 200) -> web.Response:
    try:
        backlogs = await visit.console.watched.backlogs()
        waiting = next((n for name, n in backlogs.items() if name.endswith(".rejected")), 0)
    except Unavailable:
        waiting = None
    return visit.page(
        "rejected.html",
        status,
        messages=await listed(visit, "listRejected", FILTERS, ON_A_PAGE),
        reasons=list(RejectReason),
        waiting=waiting,
        problem=problem,
        done=visit.query.get("done"),
        number=visit.query.get("count", ""),
    )


async def take(visit: Visit) -> web.StreamResponse:
    """Move messages from the queue into the store."""
    visit.check_operator()
    reply = await visit.ask("takeRejected")
    return redirect(url_of("rejected", done="taken", count=str(reply.data["taken"])))


async def one(visit: Visit) -> web.StreamResponse:
    """Show a message with its body."""
    visit.check_operator()
    return visit.page("rejected_one.html", message=(await visit.ask("getRejected")).data)


async def do(visit: Visit) -> web.StreamResponse:
    """Bring back or discard the selected messages; a second page asks before a discard."""
    visit.check_operator()
    action, ids = visit.form.get("action", ""), visit.form.getall("id", [])
    if action not in ACTIONS or not ids:
        return await _table(visit, "Select some messages first.", 400)
    if action == "discard" and not visit.form.get("sure"):
        return visit.page("rejected_sure.html", ids=ids)
    try:
        reply = await visit.ask(ACTIONS[action], body={"ids": list(ids)})
    except Conflict as error:
        return await _table(visit, f"{str(error).capitalize()}.", 409)
    done = DONE[action]
    return redirect(url_of("rejected", done=done, count=str(reply.data[done])))
