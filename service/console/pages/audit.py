"""Audit log of an account, and of all accounts for the operator."""

from aiohttp import web

from service.console.pages.filters import AUDIT, listed
from service.console.visit import Visit
from service.management.audit import Action

ON_A_PAGE = 50
OF_ACCOUNT = {key: theirs for key, theirs in AUDIT.items() if key != "account"}


async def of_account(visit: Visit) -> web.StreamResponse:
    """Show the changes that concern an account."""
    entries = await listed(visit, "listAccountAudit", OF_ACCOUNT, ON_A_PAGE)
    return visit.page("audit.html", entries=entries, actions=list(Action))


async def of_all(visit: Visit) -> web.StreamResponse:
    """Show all changes."""
    visit.check_operator()
    entries = await listed(visit, "listAudit", AUDIT, ON_A_PAGE)
    return visit.page("audit.html", entries=entries, actions=list(Action))
