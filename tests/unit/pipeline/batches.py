"""What the tests of batches share: a webhook that wants them, its deliveries, what was sent."""

import asyncio
from collections.abc import Sequence
from typing import Any

import orjson

from service.domain.delivery import Delivery, Outcome, Response
from service.domain.webhook import Batching, Format, Webhook
from tests.builders import make_delivery, make_webhook
from tests.fakes import FakeSender
from tests.unit.pipeline.parts import Parts

BATCHED = make_webhook(format=Format.JSON, batching=Batching(3, 1000), retries=1)


def deliveries(count: int) -> list[Delivery]:
    return [
        make_delivery(delivery_id=f"d{number}", event_id=f"e{number}") for number in range(count)
    ]


async def deliver(parts: Parts, several: Sequence[Delivery], webhook: Webhook = BATCHED) -> None:
    """Deliver each as the event of a message of its own."""
    await asyncio.gather(*(parts.deliver([(one, webhook)]) for one in several))


def furnished(*answers: Response, webhook: Webhook = BATCHED) -> Parts:
    parts = Parts(sender=FakeSender(list(answers) or [Response(Outcome.SUCCEEDED, 200)]))
    parts.subscribe(webhook)
    return parts


def items(parts: Parts, request: int = 0) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = orjson.loads(parts.sender.sent[request].body or b"")
    return found


def ids(parts: Parts) -> list[list[str]]:
    return [[item["id"] for item in items(parts, n)] for n in range(len(parts.sender.sent))]
