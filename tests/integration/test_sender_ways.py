"""The fast path is tried at the start; where it does not work, requests go the documented way."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import aiohttp
import pytest
from aiohttp.client_proto import ResponseHandler
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from service.adapters.http import exchange as http_exchange
from service.adapters.http import self_test as http_trial
from service.adapters.http.answer import AnswerReader
from service.adapters.http.exchange import Destination
from service.adapters.http.protocol import Exchanging
from service.adapters.http.sender import HttpSender
from service.dev.receiver import Receiver, ScriptedAnswer
from service.domain.delivery import Outcome, Request
from service.domain.errors import NothingSent
from service.observability.metrics import Metrics
from tests.integration.test_sender import LOOPBACK, QUICK
from tests.integration.test_sender_out_of_step import BAD, OK, stepping
from tests.integration.test_sender_out_of_step import request as asking

Change = Callable[[pytest.MonkeyPatch], None]


@asynccontextmanager
async def prepared(metrics: Metrics) -> AsyncIterator[HttpSender]:
    made = HttpSender(QUICK, LOOPBACK, metrics)
    await made.prepare()
    try:
        yield made
    finally:
        await made.close()


def fast_path(metrics: Metrics) -> float | None:
    return metrics.registry.get_sample_value("switchhook_fast_path", {"driver": "http"})


def slow_lines(lines: Any) -> list[Any]:
    return [line for line in lines if line["event"] == "sender.slow_path"]


@pytest.fixture
def own_metrics() -> Metrics:
    return Metrics(CollectorRegistry(), [])


async def test_with_the_driver_we_know_the_fast_path_is_used(
    receiver: Receiver, own_metrics: Metrics
) -> None:
    with capture_logs() as lines:
        async with prepared(own_metrics) as made:
            outcomes = [(await made.send(post(receiver))).outcome for _ in range(3)]
    assert outcomes == [Outcome.SUCCEEDED] * 3
    assert fast_path(own_metrics) == 1
    assert slow_lines(lines) == []


def post(receiver: Receiver, path: str = "/a%2Fb?x=%3A") -> Request:
    return Request("POST", receiver.url(path), "q=1", {"X-Hook-ID": "h"}, b"{}")


def no_key(patch: pytest.MonkeyPatch) -> None:
    """As if a future ClientRequest had no connection key, or another one."""
    patch.setattr(Destination, "connection_key", property(lambda _: _.no_longer_there))


def another_connect(patch: pytest.MonkeyPatch) -> None:
    async def connect(_: aiohttp.TCPConnector) -> None:
        """Take no arguments."""

    patch.setattr(aiohttp.TCPConnector, "connect", connect)


def another_protocol(patch: pytest.MonkeyPatch) -> None:
    """As if a future connector made its protocols by itself."""
    patch.setattr(http_exchange, "Exchanging", ResponseHandler)


def protocol_that_breaks(patch: pytest.MonkeyPatch) -> None:
    def breaks(self: ResponseHandler, _: asyncio.BaseTransport) -> None:
        self.no_longer_there()  # type: ignore[attr-defined]

    patch.setattr(ResponseHandler, "connection_made", breaks)


def stale_answers_taken(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Exchanging, "should_close", property(lambda _: False))


def nothing_sent(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Exchanging, "write", lambda *_: None)
    patch.setattr(http_trial, "TRY_FOR_S", 0.5)


CHANGES: dict[str, tuple[Change, str]] = {
    "no key": (no_key, "no attribute 'no_longer_there'"),
    "another connect": (another_connect, "TypeError"),
    "another protocol": (another_protocol, "ResponseHandler"),
    "a protocol that breaks": (protocol_that_breaks, "no attribute 'no_longer_there'"),
    "stale answers": (stale_answers_taken, "the self-test"),
    "nothing sent": (nothing_sent, "the self-test got no answer"),
}


@pytest.mark.parametrize("name", CHANGES)
async def test_with_a_driver_that_has_changed_the_documented_way_is_used(
    name: str, own_metrics: Metrics, receiver: Receiver
) -> None:
    change, error = CHANGES[name]
    receiver.script("/a/b", *[ScriptedAnswer(503, headers={"Retry-After": "7"})] * 9)
    with capture_logs() as lines, pytest.MonkeyPatch.context() as patch:
        change(patch)
        made = HttpSender(QUICK, LOOPBACK, own_metrics)
        await made.prepare()
    try:
        response = await made.send(post(receiver))
    finally:
        await made.close()
    assert fast_path(own_metrics) == 0
    (told,) = slow_lines(lines)
    assert told["log_level"] == "warning"
    assert error in told["error"]
    assert (response.status, response.retry_after_s) == (503, 7.0)
    (request,) = receiver.requests
    assert request.raw_path == "/a%2Fb?x=%3A&q=1"
    assert (request.body, request.headers["X-Hook-ID"]) == (b"{}", "h")
    assert "User-Agent" not in request.headers


async def test_the_documented_way_takes_no_stale_answer_and_loses_no_attempt(
    own_metrics: Metrics,
) -> None:
    """It keeps no connection, so none can be out of step, or die as it is used again."""

    async def step(_: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        writer.write(OK + OK if number == 1 else BAD)

    made = HttpSender(QUICK, LOOPBACK, own_metrics)
    async with stepping(step) as out_of_step:
        assert (await made.send(asking(out_of_step))).outcome is Outcome.SUCCEEDED
        assert (await made.send(asking(out_of_step))).status == 500
        assert out_of_step.requests == [1, 1]
    await made.close()


@pytest.mark.usefixtures("either_way")
@pytest.mark.parametrize("answer", [b"garbage\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n", b"<html>"])
async def test_what_is_no_answer_is_told_without_the_uri(
    answer: bytes, own_metrics: Metrics
) -> None:
    async def step(_: asyncio.StreamReader, writer: asyncio.StreamWriter, __: int) -> None:
        writer.write(answer)
        await writer.drain()
        raise ConnectionResetError

    async with stepping(step) as noisy, prepared(own_metrics) as made:
        request = replace(asking(noisy), uri=f"{noisy.uri}?token=hush", query="a=hush")
        response = await made.send(request)
    assert response.outcome is Outcome.BAD_RESPONSE
    assert response.detail
    assert "hush" not in response.detail
    assert "127.0.0.1" not in response.detail


@pytest.mark.parametrize("error", [AttributeError("gone"), TypeError("takes 4 arguments")])
async def test_an_error_of_the_driver_is_our_own_fault(
    error: Exception, own_metrics: Metrics, receiver: Receiver
) -> None:
    async def connect(*_: Any) -> None:
        raise error

    async with prepared(own_metrics) as made:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(aiohttp.TCPConnector, "connect", connect)
            with pytest.raises(NothingSent, match=str(error)):
                await made.send(post(receiver))
        assert (await made.send(post(receiver))).outcome is Outcome.SUCCEEDED


async def test_an_error_of_the_driver_while_an_answer_comes_is_our_own_fault(
    own_metrics: Metrics, receiver: Receiver
) -> None:
    def breaks(*_: Any) -> None:
        raise AttributeError("gone")

    async with prepared(own_metrics) as made:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(AnswerReader, "feed", breaks)
            with pytest.raises(NothingSent, match="gone"):
                await made.send(post(receiver))


async def test_a_connection_that_the_driver_could_not_make_is_our_own_fault(
    own_metrics: Metrics, receiver: Receiver
) -> None:
    async with prepared(own_metrics) as made:
        with pytest.MonkeyPatch.context() as patch:
            protocol_that_breaks(patch)
            with pytest.raises(NothingSent, match="no_longer_there"):
                await made.send(post(receiver))
