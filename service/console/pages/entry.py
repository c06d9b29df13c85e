"""Ways into the console: token, portal link and `/`; and the API's description as a page."""

from secrets import token_urlsafe
from typing import Any

from aiohttp import web
from multidict import MultiDict

from service import __version__
from service.console.addresses import url_of
from service.console.guarding import (
    CSRF_FIELD,
    FORM_COOKIE,
    SESSION_COOKIE,
    cookie_line,
    csrf_fits,
    csrf_of,
)
from service.console.visit import Console, Visit, redirect
from service.domain.errors import Unauthenticated
from service.domain.principal import Principal

ANYBODY = Principal("anybody", account_id="", read_only=True)
LINK_SHOWN_S = 3600
REFUSED = "This token is unknown, revoked or expired."


async def root(_: Console, request: web.Request) -> web.StreamResponse:
    """Lead a browser to the console; name the API to a program."""
    if "text/html" in request.headers.get("Accept", ""):
        return redirect(url_of(""))
    named = {
        "name": "switchhook",
        "version": __version__,
        "api": "/v2",
        "description": "/v2/openapi.json",
        "docs": "/v2/docs",
        "console": "/console/",
    }
    return web.json_response({"data": named, "status": "success"})


async def docs(console: Console, _: web.Request) -> web.StreamResponse:
    """Show the description of the API."""
    reply = await console.operations.call(ANYBODY, "getDescription", {}, {}, {})
    groups: dict[str, tuple[str, list[tuple[str, str, Any]]]] = {
        tag["name"]: (tag["description"], []) for tag in reply.data["tags"]
    }
    for path, methods in reply.data["paths"].items():
        for method, operation in methods.items():
            groups[operation["tags"][0]][1].append((method.upper(), path, operation))
    schemas = reply.data["components"]["schemas"]
    text = console.pages.render("docs.html", groups=groups, schemas=schemas)
    return web.Response(text=text, content_type="text/html")


async def ask_token(
    console: Console, request: web.Request, _: MultiDict[str]
) -> web.StreamResponse:
    """Show the form for a token."""
    return _form(console, request, _next(request.query.get("next", "")))


async def sign_in(
    console: Console, request: web.Request, form: MultiDict[str]
) -> web.StreamResponse:
    """Exchange a token for a session."""
    wanted = _next(form.get("next", ""))
    cookie = request.cookies.get(FORM_COOKIE, "")
    if not cookie or not csrf_fits(form.get(CSRF_FIELD, ""), cookie):
        return _form(console, request, wanted, "The form was too old; try again.", 403)
    guess = console.gate.guess_of(request)
    console.gate.count(guess)
    text = form.get("token", "").strip()
    try:
        made = await console.sessions.sign_in(text if text.isascii() else "")
    except Unauthenticated:
        return _form(console, request, wanted, REFUSED, 401)
    console.gate.give_back(guess)
    response = redirect(wanted or url_of(""))
    _keep(console, request, response, made, framed=False)
    return response


async def follow(console: Console, request: web.Request, _: MultiDict[str]) -> web.StreamResponse:
    """Open a session by a portal link.

    The page leads on by itself: a redirect would still count as coming from another site, and the
    browser would not send the new cookie.
    """
    guess = console.gate.guess_of(request)
    console.gate.count(guess)
    link = request.match_info["link"]
    try:
        made, account_id = await console.sessions.follow(link if link.isascii() else "")
    except Unauthenticated:
        text = "This link has expired, or was revoked. Ask for a new one where you got it."
        page = console.pages.render("error.html", status=403, kind="link", text=text)
        return web.Response(text=page, status=403, content_type="text/html")
    console.gate.give_back(guess)
    to = url_of("accounts", account_id, "webhooks")
    page = console.pages.render("again.html", to=to)
    response = web.Response(text=page, content_type="text/html")
    _keep(console, request, response, made, framed=bool(console.frame_ancestors))
    return response


async def sign_out(visit: Visit) -> web.StreamResponse:
    """End the session."""
    console, request = visit.console, visit.request
    await console.sessions.end(request.cookies.get(SESSION_COOKIE, ""))
    response = redirect(url_of("sign-in"))
    secure = console.gate.over_tls(request)
    line = cookie_line(SESSION_COOKIE, "", 0, secure=secure, framed=False)
    response.headers.add("Set-Cookie", line)
    return response


def _form(
    console: Console, request: web.Request, wanted: str, problem: str = "", status: int = 200
) -> web.Response:
    cookie = request.cookies.get(FORM_COOKIE) or token_urlsafe(24)
    text = console.pages.render(
        "sign_in.html",
        csrf=csrf_of(cookie),
        next=wanted,
        problem=problem,
        foreign=_foreign(console),
    )
    response = web.Response(text=text, status=status, content_type="text/html")
    secure = console.gate.over_tls(request)
    line = cookie_line(FORM_COOKIE, cookie, LINK_SHOWN_S, secure=secure, framed=False)
    response.headers.add("Set-Cookie", line)
    return response


def _foreign(console: Console) -> str:
    """Return the names of the switches whose own tokens are accepted."""
    return " or ".join(tokens.issuer for tokens in console.sessions.authentication.foreign)


def _keep(
    console: Console, request: web.Request, response: web.Response, made: str, *, framed: bool
) -> None:
    secure = console.gate.over_tls(request)
    seconds = round(console.session_lifetime.total_seconds())
    line = cookie_line(SESSION_COOKIE, made, seconds, secure=secure, framed=framed)
    response.headers.add("Set-Cookie", line)


def _next(wanted: str) -> str:
    """Return the page to go to after the sign-in, if it is one of ours."""
    inside = wanted.startswith("/console/") and "\\" not in wanted and "//" not in wanted
    return wanted if inside and wanted.isprintable() else ""
