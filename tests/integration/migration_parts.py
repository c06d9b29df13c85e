"""What the tests of moving from Kazoo share."""

from typing import Any

from service.adapters.mongo.migration import MongoMigration
from service.dialects.kazoo.crossbar.client import CrossbarClient
from service.dialects.kazoo.crossbar.decision import Decision
from service.dialects.kazoo.crossbar.migration import sync_accounts
from tests.crossbar_stand_in import RESELLER, TOKEN, Crossbar


def client_of(kazoo: Crossbar, token: str = TOKEN, page_size: int = 2) -> CrossbarClient:
    return CrossbarClient(kazoo.url, token, page_size, pauses_s=(0.01, 0.01))


async def sync(client: CrossbarClient, ours: MongoMigration, **flags: Any) -> list[Decision]:
    chosen = {"prune": False, "dry_run": False} | flags
    return await sync_accounts(client, ours, RESELLER, **chosen)


def verdicts(decisions: list[Decision]) -> dict[str, str]:
    return {decision.item_id: decision.verdict.value for decision in decisions}
