"""The client of streams against servers that fail, and what `listen` makes of a stream."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import orjson
import pytest
from aiohttp import web
from standardwebhooks import Webhook

from service.cli.listen import Listener
from service.dev.receiver import Receiver, ScriptedAnswer
from service.dev.servers import HOST, free_port
from service.tools.api_client import ApiAway, ApiClient, ApiRefused
from service.tools.forward import Forwarder

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_b29vb29vb29vb29vb29vb29vb29vb29v"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def api(handler: Handler) -> AsyncIterator[str]:
    application = web.Application()
    application.router.add_get("/{tail:.*}", handler)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, HOST, 0).start()
        yield f"http://{HOST}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def stream(request: web.Request, *parts: bytes) -> web.StreamResponse:
    """Answer with a stream of these parts, which ends after them."""
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    for part in parts:
        await response.write(part)
    return response


def refusing(status: int, text: str) -> web.Response:
    return web.json_response({"data": {"message": text}, "status": "error"}, status=status)


def client(url: str, pauses: list[str] | None = None) -> ApiClient:
    told = [] if pauses is None else pauses
    return ApiClient(url, "token", lambda reason, _: told.append(reason), lambda: -0.9)


async def test_a_lost_stream_is_opened_again_until_it_is_there() -> None:
    answers = iter(("start", "end", "busy", "limit", "cut", "more"))

    async def handler(request: web.Request) -> web.StreamResponse:
        assert request.headers["X-Auth-Token"] == "token"
        assert request.query_string == "hook=a"
        match next(answers):
            case "start":
                return await stream(request, b"event: start\ndata: {}\n\n")
            case "end":
                return await stream(request, b'event: end\ndata: {"reason": "why"}\n\n')
            case "busy":
                return refusing(503, "later")
            case "limit":
                return refusing(429, "too many")
            case "cut":
                response = await stream(request, b"event: request\nda")
                assert request.transport is not None
                request.transport.abort()
                return response
            case _:
                return await stream(request, b"event: request\nda", b'ta: {"n": 1}\n\n')

    pauses: list[str] = []
    async with api(handler) as url, client(url, pauses) as asking:
        events = asking.stream("accounts/a/stream/events", {"hook": "a"})
        assert [await anext(events) for _ in range(2)] == [("start", {}), ("request", {"n": 1})]
        await events.aclose()
    ended, told, busy, limit, cut = pauses
    assert ended == "the stream ended"
    assert told == "the stream ended: why"
    assert busy == "the API answered 503: later"
    assert limit == "the API answered 429: too many"
    assert cut.startswith("the connection was lost: ")


@pytest.mark.parametrize("status", [401, 403, 404, 302])
async def test_what_trying_again_would_not_help_is_raised(status: int) -> None:
    async def handler(_: web.Request) -> web.StreamResponse:
        return refusing(status, "no")

    async with api(handler) as url, client(url) as asking:
        with pytest.raises(ApiRefused, match=f"{status}: no"):
            await anext(asking.stream("x", {}))


async def test_a_server_that_is_no_switchhook_is_named() -> None:
    async def handler(_: web.Request) -> web.StreamResponse:
        return web.json_response({"data": {}})

    async with api(handler) as url, client(url) as asking:
        with pytest.raises(ApiRefused, match="does not answer as Switchhook does"):
            await anext(asking.stream("x", {}))


async def test_problems_are_named_by_field() -> None:
    async def handler(_: web.Request) -> web.StreamResponse:
        problem = {"data": {"hook": {"enum": {"message": "no hook fits x"}}}}
        return web.json_response(problem, status=400)

    async with api(handler) as url, client(url) as asking:
        with pytest.raises(ApiRefused, match="400: hook: no hook fits x"):
            await anext(asking.stream("x", {}))


async def test_the_account_is_that_of_the_token() -> None:
    account: list[str | None] = ["a", None]

    async def handler(request: web.Request) -> web.StreamResponse:
        assert request.path == "/v2/token_auth"
        return web.json_response({"data": {"account_id": account.pop(0)}})

    async with api(handler) as url, client(f"{url}/v2/") as asking:
        assert await asking.own_account() == "a"
        with pytest.raises(ApiRefused, match="--account"):
            await asking.own_account()
    async with client(f"http://{HOST}:{free_port()}") as asking:
        with pytest.raises(ApiAway, match="cannot be reached"):
            await asking.own_account()


def request_of(secret: str, method: str = "POST") -> dict[str, object]:
    return {
        "id": "msg",
        "account_id": "a",
        "hook": "channel_create",
        "event_name": "CHANNEL_CREATE",
        "call_id": "c-1\x1b[2J",
        "method": method,
        "query": "a=1" if method == "GET" else "",
        "headers": {
            "webhook-id": "msg",
            "webhook-timestamp": "1",
            "webhook-signature": f"v1,by-{secret}",
            "X-VoIPBIN-Signature": "sha256=0",
        },
        "body": None if method == "GET" else '{"call_id":"c-1"}',
    }


async def test_what_a_new_stream_brings_is_signed_with_the_secret_in_use(
    receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    receiver.script("/hook", 200, ScriptedAnswer(302, headers={"Location": receiver.url("/no")}))
    listener = Listener(Forwarder(receiver.url("/hook?own=1")), None)
    async with listener.forwarder, asyncio.TaskGroup() as tasks:
        listener.started({"secret": SECRET})
        listener.started({"secret": OTHER})
        await listener.take(request_of(OTHER), tasks)
        await receiver.until(lambda: len(receiver.requests) == 1, 5)
        await listener.take(request_of(OTHER, "GET"), tasks)
    post, get = receiver.requests
    assert orjson.loads(post.body) == Webhook(SECRET).verify(post.body, dict(post.headers))
    assert get.raw_path == "/hook?own=1&a=1"
    assert post.headers["X-VoIPBIN-Signature"] != "sha256=0"
    printed = capsys.readouterr()
    assert SECRET in printed.err
    assert OTHER not in printed.err
    good, bad = printed.out.splitlines()
    assert "200" in good
    assert "302" in bad
    assert "\x1b[2J" not in printed.out


async def test_a_server_that_is_not_there_is_told_and_ends_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    listener = Listener(Forwarder(f"http://{HOST}:{free_port()}/"), SECRET)
    async with listener.forwarder, asyncio.TaskGroup() as tasks:
        listener.again(tasks)
        listener.started({"secret": OTHER})
        await listener.take(request_of(OTHER), tasks)
    printed = capsys.readouterr()
    assert "nothing to send again yet" in printed.err
    assert "Cannot connect" in printed.out
