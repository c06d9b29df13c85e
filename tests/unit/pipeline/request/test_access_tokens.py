import asyncio
from base64 import b64encode
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import orjson

from service.domain.delivery import Outcome, Request, Response
from service.domain.webhook import OAuthClient
from service.pipeline.request.access_tokens import AccessTokens
from tests.builders import make_request

CLIENT = OAuthClient("https://login.example/token", "me", "hush hush", "calls")
OK = Response(Outcome.SUCCEEDED, 200)


class Server:
    """A token endpoint and a receiver that takes the tokens in `good`."""

    def __init__(self, **answer: Any) -> None:
        self.answer = {"expires_in": 100, "token_type": "Bearer"} | answer
        self.given = 0
        self.good: set[str] = set()
        self.failing: Response | None = None
        self.takes_tokens = True
        self.asked: list[Request] = []
        self.received: list[str] = []

    async def send(self, request: Request) -> Response:
        await asyncio.sleep(0)
        if request.uri != CLIENT.token_url:
            token = request.headers["Authorization"]
            self.received.append(token)
            good = self.takes_tokens and token.removeprefix("Bearer ") in self.good
            return OK if good else Response(Outcome.BAD_STATUS, 401)
        self.asked.append(request)
        if self.failing is not None:
            return self.failing
        self.given += 1
        token = f"token-{self.given}"
        self.good = {token}
        body = orjson.dumps({"access_token": token} | self.answer)
        return Response(Outcome.SUCCEEDED, 200, body=body)


class Slow:
    """Passes requests on in its own time."""

    def __init__(self, send: Callable[[Request], Awaitable[Response]]) -> None:
        self._send = send

    async def send(self, request: Request) -> Response:
        return await self._send(request)


class Setting:
    def __init__(self, **answer: Any) -> None:
        self.now = 0.0
        self.server = Server(**answer)
        self.tokens = AccessTokens(self.server, now=lambda: self.now)

    async def send(self) -> Response:
        return await self.tokens.send(make_request(), CLIENT)


async def test_a_token_is_asked_for_as_the_standard_wants_it() -> None:
    setting = Setting()
    assert (await setting.send()).outcome is Outcome.SUCCEEDED
    [asked] = setting.server.asked
    assert asked.body == b"grant_type=client_credentials&scope=calls"
    assert asked.headers["Authorization"] == f"Basic {b64encode(b'me:hush+hush').decode()}"
    assert setting.server.received == ["Bearer token-1"]


async def test_a_token_serves_until_shortly_before_its_end() -> None:
    setting = Setting()
    await setting.send()
    setting.now = 89.9
    await setting.send()
    assert setting.server.given == 1
    setting.now = 90.1
    await setting.send()
    assert setting.server.received == ["Bearer token-1", "Bearer token-1", "Bearer token-2"]


async def test_many_who_ask_at_once_cause_one_question() -> None:
    setting = Setting()
    await asyncio.gather(*(setting.send() for _ in range(20)))
    assert setting.server.given == 1


async def test_a_token_that_is_refused_is_renewed_once() -> None:
    setting = Setting()
    await setting.send()
    setting.server.good = set()
    assert (await setting.send()).outcome is Outcome.SUCCEEDED
    assert setting.server.received[1:] == ["Bearer token-1", "Bearer token-2"]


async def test_two_whose_token_is_refused_renew_it_once_though_one_hears_of_it_late() -> None:
    setting = Setting()
    await setting.send()
    server, late, first = setting.server, asyncio.Event(), asyncio.Event()

    async def send(request: Request) -> Response:
        response = await server.send(request)
        if response.status == 401 and not first.is_set():
            first.set()
            await late.wait()
        return response

    setting.tokens._sender = Slow(send)
    server.good = set()
    hears_late = asyncio.create_task(setting.send())
    await first.wait()
    assert (await setting.send()).outcome is Outcome.SUCCEEDED
    late.set()
    assert (await hears_late).outcome is Outcome.SUCCEEDED
    assert server.given == 2


async def test_a_receiver_that_refuses_every_token_is_not_asked_for_ever() -> None:
    setting = Setting()
    setting.server.takes_tokens = False
    assert (await setting.send()).status == 401
    assert len(setting.server.received) == 2


async def test_where_no_token_is_to_be_had_nothing_is_sent() -> None:
    setting = Setting()
    setting.server.failing = Response(Outcome.BAD_STATUS, 400, body=b"hush")
    response = await setting.send()
    assert response.outcome is Outcome.AUTH_FAILED
    assert response.detail == "the token endpoint: 400"
    assert response.outcome.may_pass
    assert not response.endpoint_failed
    assert setting.server.received == []


async def test_an_answer_without_a_usable_token_is_a_failure() -> None:
    for body in (b"", b"[]", b"{}", b'{"access_token": 5}', b'{"access_token": "a\\nb"}', b"null"):
        setting = Setting()
        setting.server.failing = Response(Outcome.SUCCEEDED, 200, body=body)
        assert (await setting.send()).outcome is Outcome.AUTH_FAILED


async def test_a_token_endpoint_that_may_not_be_asked_ends_the_delivery() -> None:
    setting = Setting()
    setting.server.failing = Response(Outcome.EGRESS_REFUSED, detail="egress refused by rule x")
    response = await setting.send()
    assert response.outcome is Outcome.EGRESS_REFUSED
    assert response.detail == "the token endpoint: egress refused by rule x"
    assert setting.server.received == []


async def test_in_the_shadow_no_token_is_missed() -> None:
    setting = Setting()
    setting.server.failing = Response(Outcome.SHADOWED)
    assert (await setting.send()).outcome is Outcome.SHADOWED


async def test_a_token_that_another_account_got_is_none_for_one_that_refuses_plain_http() -> None:
    setting = Setting()
    await setting.send()
    await setting.tokens.send(make_request(), replace(CLIENT, https_only=True))
    assert [asked.https_only for asked in setting.server.asked] == [False, True]


async def test_a_token_without_a_lifetime_is_used_for_an_hour() -> None:
    setting = Setting(expires_in=None)
    await setting.send()
    setting.now = 3569.0
    await setting.send()
    assert setting.server.given == 1


def test_the_secret_is_not_in_the_clients_text() -> None:
    assert "hush" not in repr(CLIENT)
