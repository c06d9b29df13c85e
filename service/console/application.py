"""The console as an aiohttp application: routes, session, CSRF, and errors as pages."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import structlog
from aiohttp import ClientPayloadError, web
from multidict import MultiDict

from service.console.addresses import url_of
from service.console.guarding import (
    CSRF_FIELD,
    SESSION_COOKIE,
    cross_site,
    csrf_fits,
    csrf_of,
    page_headers,
)
from service.console.pages import (
    attempts,
    audit,
    calls,
    catalogue,
    entry,
    letters,
    operator,
    pauses,
    rejected,
    webhook,
    webhooks,
)
from service.console.visit import Console, Visit, redirect
from service.domain.errors import (
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    RejectedMessage,
    SwitchhookError,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
)

STATIC = Path(__file__).parent / "static"
MOST_FIELDS = 2000
FORM_TYPE = "application/x-www-form-urlencoded"

PageHandler = Callable[[Visit], Awaitable[web.StreamResponse]]
OpenHandler = Callable[[Console, web.Request, MultiDict[str]], Awaitable[web.StreamResponse]]

ACCOUNT = "/accounts/{account_id}"
WEBHOOK = ACCOUNT + "/webhooks/{webhook_id}"
ATTEMPT = WEBHOOK + "/attempts/{attempt_id}"
PAGES: tuple[tuple[str, str, PageHandler], ...] = (
    ("GET", "/", operator.start),
    ("GET", "/go", operator.go),
    ("GET", "/overview", operator.overview),
    ("GET", "/by-account", operator.accounts),
    ("GET", "/by-endpoint", operator.endpoints),
    ("GET", "/search", operator.search),
    ("GET", "/settings", operator.settings),
    ("GET", "/audit", audit.of_all),
    ("GET", "/workers", operator.workers),
    ("GET", "/pauses", pauses.table),
    ("POST", "/pauses", pauses.do),
    ("POST", "/pauses/{pause_id}/resume", pauses.resume),
    ("GET", "/rejected", rejected.table),
    ("POST", "/rejected", rejected.do),
    ("POST", "/rejected/take", rejected.take),
    ("GET", "/rejected/{rejected_id}", rejected.one),
    ("GET", f"{ACCOUNT}/webhooks", webhooks.table),
    ("GET", f"{ACCOUNT}/webhooks/new", webhooks.blank),
    ("POST", f"{ACCOUNT}/webhooks/new", webhooks.create),
    ("POST", f"{ACCOUNT}/webhooks/enable", webhooks.enable_all),
    ("GET", WEBHOOK, webhook.one),
    ("GET", f"{WEBHOOK}/edit", webhooks.filled),
    ("POST", f"{WEBHOOK}/edit", webhooks.edit),
    ("POST", f"{WEBHOOK}/switch", webhook.switch),
    ("GET", f"{WEBHOOK}/test", webhook.ask_test),
    ("POST", f"{WEBHOOK}/test", webhook.test),
    ("GET", f"{WEBHOOK}/match", webhook.match),
    ("GET", f"{WEBHOOK}/secret", webhook.ask_rotation),
    ("POST", f"{WEBHOOK}/secret", webhook.rotate),
    ("GET", f"{WEBHOOK}/delete", webhook.ask_deletion),
    ("POST", f"{WEBHOOK}/delete", webhook.delete),
    ("GET", f"{WEBHOOK}/live", attempts.live),
    ("GET", ATTEMPT, attempts.one),
    ("POST", f"{ATTEMPT}/replay", attempts.replay),
    ("GET", f"{ACCOUNT}/attempts", attempts.table),
    ("GET", f"{ACCOUNT}/dead-letters", letters.table),
    ("POST", f"{ACCOUNT}/dead-letters", letters.ask),
    ("POST", f"{ACCOUNT}/dead-letters/do", letters.do),
    ("GET", f"{ACCOUNT}/dead-letters/{{delivery_id}}", letters.one),
    ("GET", f"{ACCOUNT}/replays", letters.replays),
    ("POST", f"{ACCOUNT}/replays/{{replay_id}}/stop", letters.stop),
    ("GET", f"{ACCOUNT}/calls", calls.one),
    ("GET", f"{ACCOUNT}/audit", audit.of_account),
    ("GET", f"{ACCOUNT}/hooks", catalogue.table),
    ("GET", f"{ACCOUNT}/hooks/{{hook_id}}", catalogue.one),
    ("GET", "/hooks", catalogue.table),
    ("GET", "/hooks/{hook_id}", catalogue.one),
    ("POST", "/sign-out", entry.sign_out),
)
OPEN: tuple[tuple[str, str, OpenHandler], ...] = (
    ("GET", "/sign-in", entry.ask_token),
    ("POST", "/sign-in", entry.sign_in),
    ("GET", "/portal/{link}", entry.follow),
)

log = structlog.get_logger(__name__)


def console_application(console: Console) -> web.Application:
    """Return the application that is served under `/console`."""
    frame = _Frame(console)

    @web.middleware
    async def framed(request: web.Request, handler: Any) -> web.StreamResponse:
        return await frame.answer(request, handler)

    application = web.Application(middlewares=[framed])
    for method, path, page in PAGES:
        application.router.add_route(method, path, _with_session(console, page))
    for method, path, handler in OPEN:
        application.router.add_route(method, path, _without_session(console, handler))
    application.router.add_static("/static/", STATIC)
    return application


def outer_routes(console: Console) -> list[web.RouteDef]:
    """Return `/`, `/console` and `/v2/docs`."""
    frame = _Frame(console)

    async def root(request: web.Request) -> web.StreamResponse:
        return await entry.root(console, request)

    async def docs(request: web.Request) -> web.StreamResponse:
        return await frame.answer(request, lambda _: entry.docs(console, request))

    async def without_slash(_: web.Request) -> web.StreamResponse:
        return redirect(url_of(""))

    return [
        web.get("/", root),
        web.get("/console", without_slash),
        web.get("/v2/docs", docs),
    ]


def _with_session(console: Console, page: PageHandler) -> Any:
    async def handle(request: web.Request) -> web.StreamResponse:
        form = await _form(console, request)
        cookie = request.cookies.get(SESSION_COOKIE, "")
        guess = console.gate.guess_of(request)
        console.gate.count(guess)
        session = await console.sessions.resume(cookie)
        console.gate.give_back(guess)
        console.gate.count(session.principal.name)
        request["portal"] = session.portal
        if request.method == "POST" and not csrf_fits(form.get(CSRF_FIELD, ""), cookie):
            raise Forbidden("the form is too old, or was not made here; open the page again")
        return await page(Visit(console, request, session, csrf_of(cookie), form))

    return handle


def _without_session(console: Console, handler: OpenHandler) -> Any:
    async def handle(request: web.Request) -> web.StreamResponse:
        request["portal"] = request.path.startswith("/console/portal/")
        return await handler(console, request, await _form(console, request))

    return handle


async def _form(console: Console, request: web.Request) -> MultiDict[str]:
    """Return the fields of a form. Raises Invalid."""
    if request.method != "POST":
        return MultiDict()
    if request.content_type != FORM_TYPE:
        raise Invalid.of("form", "invalid", f"must be {FORM_TYPE}")
    try:
        async with asyncio.timeout(console.body_timeout_s):
            raw = await request.read()
        pairs = parse_qsl(raw.decode("utf-8"), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except (ValueError, TimeoutError, ClientPayloadError, ConnectionError):
        raise Invalid.of("form", "invalid", "cannot be read") from None
    return MultiDict((key, value.replace("\r\n", "\n")) for key, value in pairs)


@dataclass(frozen=True, slots=True, repr=False)
class _Frame:
    """Turns errors into pages and adds the headers of a page."""

    console: Console

    async def answer(self, request: web.Request, handler: Any) -> web.StreamResponse:
        try:
            response: web.StreamResponse = await handler(request)
        except Unauthenticated:
            response = self._outside(request)
        except SwitchhookError as error:
            response = self._failed(request, error)
        except web.HTTPException as error:
            if error.status not in (404, 405, 413):
                raise
            response = self._told(
                error.status,
                "error",
                {405: "This page takes no such request.", 413: "The form is too large."}.get(
                    error.status, "There is no such page."
                ),
            )
        except Exception:
            log.exception("console.bug", method=request.method, path=request.path)
            response = self._told(500, "error", "The service has a bug; its log has details.")
        if not response.prepared:
            portal = bool(request.get("portal"))
            response.headers.update(page_headers(self.console.frame_ancestors, portal=portal))
        return response

    def _outside(self, request: web.Request) -> web.Response:
        """Ask for a token; but a browser that came from another site may have a session here."""
        if request.method == "GET" and cross_site(request):
            text = self.console.pages.render("again.html", to=request.path_qs)
            return web.Response(text=text, content_type="text/html")
        if request.headers.get("Sec-Fetch-Dest") == "iframe" and self.console.frame_ancestors:
            # The form for a token cannot be shown in a frame; this page can, and has no secret.
            request["portal"] = True
            return self._told(403, "link", "Your session has ended. Load the page around it anew.")
        wanted = {} if request.path == "/console/" else {"next": request.path_qs}
        return redirect(url_of("sign-in", **(wanted if request.method == "GET" else {})))

    def _failed(self, request: web.Request, error: SwitchhookError) -> web.Response:
        status, text = _in_words(error)
        if status >= 500:
            log.warning("console.failed", path=request.path, error=str(error))
        return self._told(status, "error", text)

    def _told(self, status: int, kind: str, text: str) -> web.Response:
        page = self.console.pages.render("error.html", status=status, kind=kind, text=text)
        return web.Response(text=page, status=status, content_type="text/html")


def _in_words(error: SwitchhookError) -> tuple[int, str]:
    """Return the status and the sentence for an error."""
    told: tuple[int, str] = (500, "The service has a bug; its log has details.")
    match error:
        case Invalid():
            told = 400, f"That cannot be: {_problems(error.problems)}."
        case RejectedMessage():
            told = 400, f"That cannot be read: {error.detail}."
        case NotFound():
            told = 404, "There is nothing here that you may see. It may have been deleted."
        case Forbidden():
            told = 403, f"{str(error).capitalize()}."
        case Conflict():
            told = 409, f"{str(error).capitalize()}."
        case TooManyRequests():
            told = 429, f"Too many requests; try again in {error.retry_after_s:.0f} s."
        case Unavailable():
            told = 503, "A part of the service does not answer; try again later."
    return told


def _problems(problems: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> str:
    return "; ".join(
        f"{field.removeprefix('filter_')}: {problem.get('message', code)}"
        for field, codes in problems.items()
        for code, problem in codes.items()
    )
