"""Cookies, CSRF secrets and the headers that every page carries."""

import hashlib
import hmac
from collections.abc import Mapping, Sequence

from aiohttp import web

SESSION_COOKIE = "switchhook_session"
FORM_COOKIE = "switchhook_form"
CSRF_FIELD = "csrf"


def csrf_of(cookie: str) -> str:
    """Return the CSRF secret of a session or of the sign-in form; nobody else can compute it."""
    return hmac.new(cookie.encode(), b"csrf", hashlib.sha256).hexdigest()


def csrf_fits(given: str, cookie: str) -> bool:
    """Return whether a form carries the CSRF secret of its cookie."""
    return hmac.compare_digest(given.encode(), csrf_of(cookie).encode())


def cookie_line(name: str, value: str, max_age_s: int, *, secure: bool, framed: bool) -> str:
    """Return the value of a `Set-Cookie` header.

    In a frame of another site a browser sends only cookies with `SameSite=None`, and only by TLS;
    `Partitioned` (CHIPS) binds such a cookie to the site that embeds the frame.
    """
    parts = [f"{name}={value}", "Path=/console", f"Max-Age={max_age_s}", "HttpOnly"]
    if framed and secure:
        parts += ["SameSite=None", "Secure", "Partitioned"]
    else:
        parts += ["SameSite=Strict", *(["Secure"] if secure else [])]
    return "; ".join(parts)


def page_headers(frame_ancestors: Sequence[str], *, portal: bool) -> Mapping[str, str]:
    """Return the headers of a page; only pages of a portal session may be framed."""
    ancestors = " ".join(frame_ancestors) if portal and frame_ancestors else "'none'"
    policy = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self'",
        "connect-src": "'self'",
        "form-action": "'self'",
        "base-uri": "'none'",
        "frame-ancestors": ancestors,
    }
    headers = {
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cache-Control": "no-store",
    }
    return headers if portal and frame_ancestors else {**headers, "X-Frame-Options": "DENY"}


def cross_site(request: web.Request) -> bool:
    """Return whether a browser came from a page of another site, and so sent no strict cookie."""
    return request.headers.get("Sec-Fetch-Site") == "cross-site"
