"""`/ask/{account}/{webhook}`: the address that a switch asks for the document of a call.

The last part of the path is the webhook's id and a key that the API made: whoever knows it may ask.
An answer comes within the webhook's budget, whatever happens.
"""

import secrets
import time
from typing import Any

from aiohttp import web
from yarl import query_to_pairs

from service.api.http.clients import Clients
from service.api.http.envelope import ALWAYS
from service.api.http.limits import RateLimit
from service.deadline import within
from service.dialects.dialect import Dialects
from service.domain.errors import StoreUnavailable
from service.domain.webhook import Asking, Webhook
from service.pipeline.ask.address import webhook_at
from service.pipeline.ask.asker import Asker
from service.pipeline.ask.follow_up import NEXT, follow_up_in
from service.pipeline.ask.values import Applied, Ask
from service.ports import Directory
from service.text.json_text import read_json

MOST_BYTES = 65_536
BODY_TIMEOUT_S = 2.0
FORM = "application/x-www-form-urlencoded"
ID_HEADER = "X-Switchhook-Ask-ID"
SOURCE_HEADER, REASON_HEADER = "X-Switchhook-Answer-From", "X-Switchhook-Answer-Reason"


class Unreadable(Exception):
    """The request's members cannot be read."""


class AskEndpoint:
    """Answers the questions of switches over HTTP."""

    def __init__(
        self,
        asker: Asker,
        directory: Directory,
        dialects: Dialects,
        limit: RateLimit,
        clients: Clients,
    ) -> None:
        self._asker = asker
        self._directory = directory
        self._dialects = dialects
        self._limit = limit
        self._clients = clients

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        path = "/ask/{account_id}/{address}"
        return [web.get(path, self.answer, allow_head=False), web.post(path, self.answer)]

    async def answer(self, request: web.Request) -> web.Response:
        """Return the document that is applied: 200, or 404 where the call goes on without one."""
        arrived = time.perf_counter()
        found = await self._webhook(request)
        if isinstance(found, web.Response):
            return found
        webhook, asking = found
        question = self._dialects.question_of(webhook)
        if question is None:
            return _told(404, "the webhook's hook is not an actionable one")
        try:
            members = await within(BODY_TIMEOUT_S, _members(request))
        except Unreadable as error:
            return _told(400, str(error))
        except TimeoutError:
            return _told(408, "the body took too long")
        token = members.pop(NEXT, None)
        follow_up = None if token is None else follow_up_in(str(token), asking.key)
        if token is not None and follow_up is None:
            return _told(404, "this address was not made by a document of the webhook")
        own_url = f"{request.scheme}://{request.host}{request.rel_url.raw_path}"
        ask = Ask(secrets.token_hex(16), question, webhook, members, own_url, follow_up)
        left_s = asking.budget_s - (time.perf_counter() - arrived)
        return _response(await self._asker.ask(ask, left_s))

    async def _webhook(self, request: web.Request) -> tuple[Webhook, Asking] | web.Response:
        """Return the webhook of an address; else the answer to a wrong one."""
        account_id, address = request.match_info["account_id"], request.match_info["address"]
        guess = f"asking:{self._clients.key(request)}"
        if self._limit.wait_s(guess) > 0:
            return _told(404, "too many wrong addresses were asked; try again later")
        try:
            webhook = await webhook_at(self._directory, account_id, address)
        except StoreUnavailable:
            return _told(503, "the webhook cannot be looked up now")
        if webhook is None or webhook.asking is None:
            self._limit.take(guess)
            return _told(404, "no actionable webhook has this address")
        return webhook, webhook.asking


async def _members(request: web.Request) -> dict[str, Any]:
    """Return the query's members and those of the body, a form or JSON. Raises Unreadable."""
    members: dict[str, Any] = dict(query_to_pairs(request.rel_url.raw_query_string))
    if request.method == "GET":
        return members
    raw = b""
    while not request.content.at_eof() and len(raw) <= MOST_BYTES:
        raw += await request.content.read(MOST_BYTES + 1)
    if len(raw) > MOST_BYTES:
        raise Unreadable(f"the body has more than {MOST_BYTES} bytes")
    if not raw.strip():
        return members
    if request.content_type == FORM:
        return members | dict(query_to_pairs(raw.decode("utf-8", "replace")))
    try:
        value = read_json(raw)
    except ValueError:
        raise Unreadable(f"the body is neither JSON nor {FORM}") from None
    if not isinstance(value, dict):
        raise Unreadable("the body must be a JSON object")
    return members | value


def _response(applied: Applied) -> web.Response:
    headers = {**ALWAYS, ID_HEADER: applied.ask_id, SOURCE_HEADER: applied.source.value}
    if applied.reasons:
        headers[REASON_HEADER] = "; ".join(applied.reasons)
    if applied.content is None:
        headers["Content-Type"] = "application/json"
        return web.Response(status=404, body=b"{}", headers=headers)
    headers["Content-Type"] = applied.content_type
    return web.Response(body=applied.content, headers=headers)


def _told(status: int, message: str) -> web.Response:
    return web.json_response({"message": message}, status=status, headers=ALWAYS)
