"""Headers and credentials that an account may add to its requests."""

import re
from base64 import b64encode
from collections.abc import Mapping
from typing import Any

from service.domain.endpoint import endpoint_of
from service.domain.webhook import OAuthClient

MOST_HEADERS = 20
LONGEST_VALUE = 4096
TOKEN = re.compile(r"[!#%&'*+.^_`|~0-9A-Za-z-]{1,100}\Z")
"""A field name (RFC 9110, 5.6.2) without the dollar sign, which starts MongoDB's operators."""
VALUE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?\Z")
"""A field value in ASCII without control characters (RFC 9110, 5.5)."""
OURS = frozenset({
    "accept-encoding", "connection", "content-encoding", "content-length", "content-type", "cookie",
    "date", "expect", "forwarded", "host", "http2-settings", "keep-alive", "max-forwards",
    "set-cookie", "te", "traceparent", "tracestate", "trailer", "transfer-encoding", "upgrade",
    "user-agent", "via", "x-account-id", "x-hook-id", "x-real-ip",
})  # fmt: skip
"""Reserved: hop-by-hop headers, message framing, and headers of proxies and of the service."""
OUR_PREFIXES = ("proxy-", "webhook-", "x-forwarded-", "x-switchhook-")
OAUTH = "oauth2"
CREDENTIALS = {
    "bearer": ("type", "token"),
    "basic": ("type", "username", "password"),
    OAUTH: ("type", "token_url", "client_id", "client_secret", "scope"),
}
"""The members of each type of `auth`."""
OPEN_CREDENTIALS = ("type", "username", "client_id", "token_url", "scope")
"""Members of a webhook's `auth` that are not secret."""


def problem_with_headers(headers: Mapping[str, Any]) -> str | None:
    """Return why these headers cannot be added to a request, or None. Values are never quoted."""
    if len(headers) > MOST_HEADERS:
        return f"at most {MOST_HEADERS} are allowed, not {len(headers)}"
    names = [name.lower().replace("_", "-") for name in headers]
    if len(set(names)) < len(names):
        return "two names differ only in case, or in hyphen and underscore"
    problems = (problem_with_header(name, value) for name, value in headers.items())
    return next((problem for problem in problems if problem), None)


def problem_with_header(name: str, value: Any) -> str | None:
    """Return why this header cannot be added to a request, or None."""
    if not TOKEN.match(name):
        return f"{name[:100]!r} is not a valid header name"
    # Many receivers cannot tell an underscore from a hyphen (CGI, RFC 3875, 4.1.18).
    known_as = name.lower().replace("_", "-")
    if known_as in OURS or known_as.startswith(OUR_PREFIXES):
        return f"{name} cannot be set"
    if not isinstance(value, str) or not VALUE.match(value) or len(value) > LONGEST_VALUE:
        return f"the value of {name} must be visible ASCII, at most {LONGEST_VALUE} characters"
    return None


def authorization(auth: Mapping[str, Any]) -> str:
    """Return the value of `Authorization`.

    `auth` is `{type: bearer, token}` or `{type: basic, username, password}`. Raises ValueError,
    with a text that quotes no secret.
    """
    kind = auth.get("type")
    if kind == "bearer":
        token = _text(auth, "token")
        if not VALUE.match(token):
            raise ValueError("token must be visible ASCII")
        return f"Bearer {token}"
    if kind == "basic":
        username, password = _text(auth, "username"), _text(auth, "password")
        if ":" in username:
            raise ValueError("username must not contain a colon")
        pair = f"{username}:{password}".encode()
        return f"Basic {b64encode(pair).decode()}"
    raise ValueError("type must be bearer, basic or oauth2")


def oauth_client(auth: Mapping[str, Any]) -> OAuthClient:
    """Return the client of `{type: oauth2, token_url, client_id, client_secret, scope?}`.

    Raises ValueError, with a text that quotes no secret.
    """
    token_url = _text(auth, "token_url")
    endpoint_of(token_url)
    client = OAuthClient(
        token_url,
        _text(auth, "client_id"),
        _text(auth, "client_secret"),
        _text(auth, "scope") if auth.get("scope") else "",
    )
    if ":" in client.client_id:
        raise ValueError("client_id must not contain a colon")
    return client


def _text(auth: Mapping[str, Any], key: str) -> str:
    value = auth.get(key)
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_VALUE // 2:
        raise ValueError(f"{key} must be a string of 1 to {LONGEST_VALUE // 2} characters")
    return value
