"""The dialects as tests use them: those of the product, with settings that stand still."""

from collections.abc import Mapping
from typing import Any

from service.dialects.dialect import Dialect, Dialects
from service.dialects.kazoo.dialect import kazoo
from service.dialects.kazoo.policy import KazooPolicy
from service.domain.delivery import Delivery, Request
from service.domain.event import Event
from service.domain.webhook import Account, Webhook
from service.pipeline.request.build import EventContent, request_for
from service.pipeline.request.destination import owed_of

MOST_BYTES = 1_000_000
KAZOO = kazoo(KazooPolicy(), MOST_BYTES)
DIALECTS = Dialects((KAZOO,))
HOOKS = KAZOO.hooks
DECODER = KAZOO.decoder


def payload_of(event: Event, account: Account) -> dict[str, Any]:
    return KAZOO.requests.payload(event, account)


def in_cluster(cluster_id: str | None) -> Dialect:
    return kazoo(KazooPolicy(cluster_id=cluster_id), MOST_BYTES)


def content_of(
    payload: Mapping[str, Any], cluster_id: str | None = None, snapshot: bytes | None = None
) -> EventContent:
    dialect = in_cluster(cluster_id)
    return EventContent(dialect, dialect.requests.writer(payload, snapshot))


def request_of(
    delivery: Delivery, webhook: Webhook, content: EventContent, attempt: int = 1, now: float = 0.0
) -> Request:
    return request_for(owed_of(delivery, webhook), content, attempt, now)
