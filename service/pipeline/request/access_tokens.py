"""Access tokens for receivers that want OAuth 2.0: fetched once, remembered, renewed early."""

import asyncio
import time
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, replace
from urllib.parse import quote_plus, urlencode

import orjson

from service.bounded import BoundedDict
from service.domain.delivery import Outcome, Request, Response
from service.domain.webhook import OAuthClient
from service.ports import Sender
from service.shared_tasks import SharedTasks

MOST_REMEMBERED = 10_000
DEFAULT_LIFETIME_S = 3600.0
LONGEST_LIFETIME_S = 86_400.0
EARLY_SHARE, EARLY_S = 0.1, 30.0
"""A token is renewed when so much of its lifetime is left, at most, and so many seconds."""


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A token, and the monotonic time until which it is used."""

    text: str
    good_until: float


class AccessTokens:
    """Fetches tokens through the same sender, and the same egress policy, as all requests."""

    def __init__(self, sender: Sender, now: Callable[[], float] = time.monotonic) -> None:
        self._sender = sender
        self._now = now
        self._tokens = BoundedDict[OAuthClient, AccessToken](MOST_REMEMBERED)
        self._fetching = SharedTasks[OAuthClient, str | Response]()

    async def send(self, request: Request, client: OAuthClient) -> Response:
        """Make the request with a token; where the receiver answers 401, once more with a new one.

        Where no token is to be had, the response says so: `auth_failed`, or `egress_refused` where
        the token endpoint may not be asked, which no later attempt would change.
        """
        token = await self._token(client)
        response = await self._send_with(request, token)
        if response.status != 401 or isinstance(token, Response):
            return response
        known = self._tokens.get(client)
        if known is not None and known.text == token:
            del self._tokens[client]
        return await self._send_with(request, await self._token(client))

    async def _send_with(self, request: Request, token: str | Response) -> Response:
        if isinstance(token, Response):
            return token
        headers = {**request.headers, "Authorization": f"Bearer {token}"}
        return await self._sender.send(replace(request, headers=headers))

    async def _token(self, client: OAuthClient) -> str | Response:
        """Return a good token, fetched once however many ask meanwhile, or why there is none."""
        known = self._tokens.get(client)
        if known is not None and known.good_until > self._now():
            return known.text
        return await asyncio.shield(self._fetching.of(client, self._fetch))

    async def _fetch(self, client: OAuthClient) -> str | Response:
        response = await self._sender.send(_token_request(client))
        if response.outcome is Outcome.EGRESS_REFUSED:
            return replace(response, detail=f"the token endpoint: {response.detail}")
        if response.outcome is Outcome.SHADOWED:
            return response
        if not response.outcome.succeeded:
            what = response.status if response.status is not None else response.outcome.value
            return _failed(f"the token endpoint: {what}")
        try:
            answer = orjson.loads(response.body)
            text, lifetime_s = answer["access_token"], answer.get("expires_in")
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
            return _failed("the token endpoint's answer holds no access_token")
        if not isinstance(text, str) or not text.isascii() or not text.isprintable():
            return _failed("the token endpoint's answer holds no usable access_token")
        self._keep(client, text, lifetime_s)
        return text

    def _keep(self, client: OAuthClient, text: str, lifetime_s: object) -> None:
        given = lifetime_s if isinstance(lifetime_s, int | float) else DEFAULT_LIFETIME_S
        # Compared before it becomes a float, which not every integer can; a NaN stays out.
        lasting = float(max(0.0, given)) if given <= LONGEST_LIFETIME_S else LONGEST_LIFETIME_S
        early = min(EARLY_S, lasting * EARLY_SHARE)
        self._tokens[client] = AccessToken(text, self._now() + lasting - early)


def _token_request(client: OAuthClient) -> Request:
    """Return the request of RFC 6749, 4.4.2, the client named as 2.3.1 wants it."""
    form = {"grant_type": "client_credentials"} | ({"scope": client.scope} if client.scope else {})
    pair = f"{quote_plus(client.client_id)}:{quote_plus(client.client_secret)}".encode()
    headers = {
        "Authorization": f"Basic {b64encode(pair).decode()}",
        "Content-Type": "application/x-www-form-urlencoded",
        "Accept": "application/json",
    }
    body = urlencode(form).encode()
    return Request(
        "POST", client.token_url, "", headers, body, in_full=True, https_only=client.https_only
    )


def _failed(detail: str) -> Response:
    return Response(Outcome.AUTH_FAILED, detail=detail)
