"""Paused endpoints and accounts: see, pause, resume."""

from aiohttp import web

from service.console.addresses import url_of
from service.console.visit import Visit, redirect
from service.domain.errors import Invalid


async def table(visit: Visit) -> web.StreamResponse:
    """Show the pauses in force."""
    visit.check_operator()
    return await _table(visit)


async def _table(visit: Visit, problem: str = "", status: int = 200) -> web.Response:
    pauses = (await visit.ask("listPauses")).data
    done = visit.query.get("done")
    return visit.page("pauses.html", status, pauses=pauses, problem=problem, done=done)


async def do(visit: Visit) -> web.StreamResponse:
    """Pause an endpoint or an account."""
    visit.check_operator()
    wanted = visit.form.get("wanted", "").strip()
    try:
        key = "endpoint" if "://" in wanted else "account_id"
        await visit.ask("createPause", body={key: wanted})
    except Invalid:
        return await _table(visit, "Give the id of an account, or the URL of an endpoint.", 400)
    return redirect(url_of("pauses", done="paused"))


async def resume(visit: Visit) -> web.StreamResponse:
    """End a pause."""
    visit.check_operator()
    await visit.ask("deletePause")
    return redirect(url_of("pauses", done="resumed"))
