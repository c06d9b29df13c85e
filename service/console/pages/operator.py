"""The operator's pages: is it well, who causes failures, where is it, what is set."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from aiohttp import web

from service.console.addresses import url_of
from service.console.visit import Visit, redirect
from service.domain.errors import Unavailable
from service.management.selection import Selection
from service.text.times import read_time

SPANS = {"1h": timedelta(hours=1), "24h": timedelta(hours=24), "7d": timedelta(days=7)}
SPAN = "1h"


async def start(visit: Visit) -> web.StreamResponse:
    """Lead operators to the overview, everybody else to the account's webhooks."""
    account_id = visit.principal.account_id
    if account_id is None:
        return redirect(url_of("overview"))
    return redirect(url_of("accounts", account_id, "webhooks"))


async def go(visit: Visit) -> web.StreamResponse:
    """Lead to the account that the person typed."""
    account_id = visit.query.get("account", "")
    return redirect(url_of("accounts", account_id, "webhooks") if account_id else url_of(""))


async def overview(visit: Visit) -> web.StreamResponse:
    """Show whether the service is well."""
    visit.check_operator()
    watched = visit.console.watched
    live, ready, holders, backlogs = await asyncio.gather(
        watched.live(), watched.ready(), watched.holders(), _or_none(watched.backlogs)
    )
    letters = await _or_none(lambda: visit.console.letters.page(Selection(), None, 10))
    return visit.page(
        "overview.html",
        live=live,
        ready=ready,
        holders=holders,
        backlogs=backlogs,
        letters=letters,
    )


async def accounts(visit: Visit) -> web.StreamResponse:
    """Show the accounts by failure and traffic."""
    visit.check_operator()
    span = visit.query.get("span", SPAN)
    found = await _or_none(lambda: visit.console.glance.accounts(SPANS.get(span, SPANS[SPAN])))
    return visit.page("accounts.html", found=found, span=span, spans=SPANS)


async def endpoints(visit: Visit) -> web.StreamResponse:
    """Show the endpoints by failure, and the certificates that expire soon."""
    visit.check_operator()
    span = visit.query.get("span", SPAN)
    found = await _or_none(lambda: visit.console.glance.endpoints(SPANS.get(span, SPANS[SPAN])))
    holders = await visit.console.watched.holders()
    expiring = await _or_none(lambda: visit.ask("listCertificates"))
    return visit.page(
        "endpoints.html",
        found=found,
        span=span,
        spans=SPANS,
        holders=holders,
        expiring=None if expiring is None else expiring.data,
    )


async def workers(visit: Visit) -> web.StreamResponse:
    """Show the workers of all machines."""
    visit.check_operator()
    found = await _or_none(lambda: visit.ask("listWorkers"))
    return visit.page("workers.html", workers=None if found is None else found.data)


async def settings(visit: Visit) -> web.StreamResponse:
    """Show the settings in force."""
    visit.check_operator()
    wanted = visit.query.get("q", "").lower()
    shown = [one for one in visit.console.watched.settings if wanted in one.key.lower()]
    return visit.page("settings.html", settings=shown)


async def search(visit: Visit) -> web.StreamResponse:
    """Find attempts, dead letters and webhooks of all accounts by an id or a URI."""
    visit.check_operator()
    text, to, problems = visit.query.get("q", ""), visit.query.get("to"), {}
    try:
        until = read_time(to) if to else None
    except ValueError:
        until, problems = None, {"to": "must be a time such as 2026-11-28T17:30"}
    wanted = text and not problems
    found = await _or_none(lambda: visit.console.search.everywhere(text, until)) if wanted else None
    return visit.page("search.html", text=text, found=found, problems=problems)


async def _or_none(question: Callable[[], Awaitable[Any]]) -> Any:
    """Return the answer, or None where store or broker do not answer in time."""
    try:
        return await question()
    except Unavailable:
        return None
