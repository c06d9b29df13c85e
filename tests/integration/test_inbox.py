"""Which way messages come in on a real connection: ours, or aiormq's own where that has changed."""

import asyncio
from collections.abc import Callable
from typing import Any

import aio_pika
import pytest
from aiormq.channel import Channel
from structlog.testing import capture_logs

from service.adapters.rabbitmq.consuming import inbox as rabbitmq_inbox
from service.adapters.rabbitmq.consuming.inbox import Inbox
from service.adapters.rabbitmq.link import Link
from service.observability.metrics import Metrics
from tests.e2e.harness import depth, eventually
from tests.integration.background import running
from tests.integration.broker_parts import NAMES, Taken, connected, consumer_of, is_so

BODIES = [b"", b"x", 512 * bytes(range(256)), b"the last"]


class ReadOnly(asyncio.Queue[Any]):
    """A queue of frames whose `put` nobody can replace."""

    @property
    def put(self) -> Any:
        return super().put

    @put.setter
    def put(self, _: Any) -> None:
        raise AttributeError("'Queue' object attribute 'put' is read-only")


class Elsewhere(asyncio.Queue[Any]):
    """A queue of frames that aiormq fills by another way than `put`."""

    @property
    def put(self) -> Any:
        return super().put

    @put.setter
    def put(self, _: Any) -> None:
        return


class Another:
    """A kind of frame that nobody sends."""


def frames_in(queue: type[asyncio.Queue[Any]]) -> Callable[[pytest.MonkeyPatch], None]:
    original = Channel.__init__

    def made(self: Channel, *arguments: Any, **named: Any) -> None:
        original(self, *arguments, **named)
        self.frames = queue()

    return lambda patch: patch.setattr(Channel, "__init__", made)


def no_header_known(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Inbox, "_put", put_by_name)


async def put_by_name(self: Inbox, item: tuple[int, Any]) -> None:
    """Take frames as `Inbox` does where they have lost a member that it asks for."""
    if type(item[1]).__name__ == "Deliver":
        raise AttributeError("'Deliver' object has no attribute 'routing_key'")
    self._seen += 1
    await self._pass_on(item)


def answers_swallowed(patch: pytest.MonkeyPatch) -> None:
    async def put(_self: Inbox, _item: tuple[int, Any]) -> None:
        return

    patch.setattr(Inbox, "_put", put)
    patch.setattr(rabbitmq_inbox, "TRY_FOR_S", 0.3)


async def messages_come(amqp_url: str, metrics: Metrics) -> None:
    """Have messages of all lengths come in, whole and in order, and acknowledge them."""
    taken = Taken()
    consumer = consumer_of(taken, metrics)
    async with running(Link("consume", [amqp_url], consumer.session, metrics)):
        await eventually(lambda: is_so(consumer.consuming))
        async with connected(amqp_url) as connection:
            channel = await connection.channel()
            for body in BODIES:
                await channel.default_exchange.publish(aio_pika.Message(body), NAMES.events)
        await eventually(lambda: taken.count_is(len(BODIES)))
        await consumer.tell()
        await eventually(lambda: _empty(amqp_url))
    assert [message.body for message in taken.messages] == BODIES


async def _empty(amqp_url: str) -> bool:
    return await depth(amqp_url, NAMES.events) == 0


async def test_with_the_driver_we_know_messages_come_by_the_fast_path(
    amqp_url: str, metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(_self: Inbox, message: Any) -> None:
        raise AssertionError(f"aiormq delivered {message}")

    monkeypatch.setattr(Inbox, "_take_whole", never)
    with capture_logs() as lines:
        await messages_come(amqp_url, metrics)
    assert fast_path(metrics) == 1
    assert [line for line in lines if line["event"] == "consumer.slow_path"] == []


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (frames_in(ReadOnly), "the driver does not hand over the broker's answers"),
        (frames_in(Elsewhere), "the driver does not hand over the broker's answers"),
        (no_header_known, "AttributeError(\"'Deliver' object has no attribute 'routing_key'\")"),
        (answers_swallowed, "the self-test got no answer"),
    ],
)
async def test_with_a_driver_that_has_changed_messages_come_by_its_own_delivery(
    amqp_url: str,
    metrics: Metrics,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[pytest.MonkeyPatch], None],
    error: str,
) -> None:
    change(monkeypatch)
    with capture_logs() as lines:
        await messages_come(amqp_url, metrics)
    assert fast_path(metrics) == 0
    told = [line for line in lines if line["event"] == "consumer.slow_path"]
    assert [(line["log_level"], line["error"]) for line in told] == [("warning", error)]


def fast_path(metrics: Metrics) -> float | None:
    return metrics.registry.get_sample_value("switchhook_fast_path", {"driver": "amqp"})
