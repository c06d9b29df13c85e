"""VoIPBIN's API, as far as the import of its customers needs it."""

from collections.abc import Mapping, Sequence
from typing import Any

import aiohttp
import orjson

from service.dialects.voipbin.api_tokens import VoipbinQuestion
from service.domain.errors import SwitchApiUnavailable, Unauthenticated

TIMEOUT_S = 30.0
REFUSED = (401, 403)
MOST_PAGES = 10_000

Customer = Mapping[str, Any]


async def customers(url: str, token: str) -> Sequence[Customer]:
    """Return the customers that a token may see: all for an administrator, else its own.

    Only a customer's own answer has its `webhook_secret`. Raises Unauthenticated and
    SwitchApiUnavailable.
    """
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        own = await _get(session, VoipbinQuestion(url).request(token))
        try:
            every = await _all(session, url, token)
        except Unauthenticated:
            return [own]
        return [own if one.get("id") == own.get("id") else one for one in every]


async def _all(session: aiohttp.ClientSession, url: str, token: str) -> list[Customer]:
    found: list[Customer] = []
    start = ""
    for _ in range(MOST_PAGES):
        question = VoipbinQuestion(url, f"customers?page_size=100{start}")
        page = await _get(session, question.request(token))
        result, following = page.get("result"), page.get("next_page_token")
        if not isinstance(result, list):
            raise SwitchApiUnavailable("VoIPBIN's list of customers has no result")
        found += [one for one in result if isinstance(one, dict)]
        if not following or not result:
            break
        start = f"&page_token={following}"
    return found


async def _get(
    session: aiohttp.ClientSession, asked: tuple[str, Mapping[str, str]]
) -> dict[str, Any]:
    url, headers = asked
    path = url.partition("?")[0]
    try:
        async with session.get(url, headers=headers, allow_redirects=False) as response:
            status, body = response.status, await response.read()
    except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
        raise SwitchApiUnavailable(f"cannot reach {path}: {type(error).__name__}") from None
    if status in REFUSED:
        raise Unauthenticated(f"VoIPBIN refuses the token at {path}")
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        answer = None
    if status != 200 or not isinstance(answer, dict):
        raise SwitchApiUnavailable(f"{path} answered {status}")
    return answer
