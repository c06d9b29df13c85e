"""The dialects as tests use them: those of the product, with settings that stand still."""

from collections.abc import Mapping
from typing import Any

from service.dialects.dialect import Dialect, Dialects
from service.dialects.kazoo.dialect import kazoo
from service.dialects.kazoo.policy import KazooPolicy
from service.domain.event import Event
from service.domain.webhook import Account
from service.pipeline.build import EventContent

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
