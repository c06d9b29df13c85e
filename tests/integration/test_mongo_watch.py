"""Noticing changes of webhooks and accounts on a real MongoDB, and forgetting what they concern."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from service.adapters.mongo import watch
from service.adapters.mongo.health import MongoWebhookHealth
from service.adapters.mongo.management import MongoWebhookDocuments
from service.adapters.mongo.store import Client, Store, open_client, open_store
from service.adapters.mongo.watch import Watch
from service.adapters.mongo.webhooks import MongoWebhooks
from service.adapters.secret_box import SecretBox
from service.dev.servers import MongoServer
from service.domain.disable import HealthReport
from service.domain.policy import CachePolicy
from service.domain.webhook import Account
from service.observability.metrics import Metrics
from service.pipeline.accounts.directory import RememberedDirectory
from tests.conftest import Documents
from tests.e2e.harness import ACCOUNT, eventually, webhook_document
from tests.integration.background import running


@pytest.fixture
def ours(store: MongoServer, database: Documents) -> Iterator[Store]:
    with open_store(store.url, database.name, 5) as made:
        yield made


class Watched:
    """Accounts remembered for as long as nothing is told of them."""

    def __init__(self, store: Store, client: Client, metrics: Metrics) -> None:
        policy = CachePolicy(poll_interval_s=0.2, max_age_s=600)
        webhooks = MongoWebhooks(store, client, SecretBox(), "kazoo")
        self._directory = RememberedDirectory(webhooks, policy, metrics)
        self._gaps: asyncio.Queue[None] = asyncio.Queue()
        self.failing: list[str] = []
        self.deleted: list[str] = []

    def by(self, client: Client, database: str) -> Watch:
        directory = self._directory
        return Watch(
            client,
            database,
            0.2,
            directory.forget,
            directory.forget_webhook,
            self.deleted.append,
            self.failing.append,
            self._note_gap,
        )

    def _note_gap(self) -> None:
        self._directory.forget_all()
        self._gaps.put_nowait(None)

    async def gap(self) -> None:
        """Return once changes may have been missed: from here on only what is told counts."""
        async with asyncio.timeout(10):
            await self._gaps.get()

    async def account(self, account_id: str = ACCOUNT) -> Account:
        return await self._directory.account(account_id)

    async def uris(self, account_id: str = ACCOUNT) -> set[str]:
        return {webhook.uri for webhook in (await self.account(account_id)).webhooks}

    async def become(self, uris: set[str], account_id: str = ACCOUNT) -> None:
        async def same() -> bool:
            return await self.uris(account_id) == uris

        await eventually(same, 5, f"the webhooks becoming {uris}")


@asynccontextmanager
async def watching(url: str, store: Store, metrics: Metrics) -> AsyncIterator[Watched]:
    async with open_client(url, 2) as client:
        watched = Watched(store, client, metrics)
        async with running(watched.by(client, store.database.name)):
            yield watched


async def test_the_change_stream_tells_of_creation_edit_move_and_deletion(
    store: MongoServer, ours: Store, database: Documents, metrics: Metrics
) -> None:
    async with watching(store.url, ours, metrics) as watched:
        await watched.gap()
        assert await watched.uris() == set()
        await database["webhooks"].insert_one(webhook_document("http://a/", _id="one"))
        await watched.become({"http://a/"})
        await database["webhooks"].update_one({"_id": "one"}, {"$set": {"uri": "http://b/"}})
        await watched.become({"http://b/"})
        await database["webhooks"].update_one({"_id": "one"}, {"$set": {"account_id": "other"}})
        await watched.become(set())
        await watched.become({"http://b/"}, "other")
        assert watched.deleted == []
        await database["webhooks"].delete_one({"_id": "one"})
        await watched.become(set(), "other")
        assert watched.deleted == ["one"]


async def test_the_change_stream_tells_of_the_account_tree(
    store: MongoServer, ours: Store, database: Documents, metrics: Metrics
) -> None:
    async with watching(store.url, ours, metrics) as watched:
        await watched.gap()
        assert (await watched.account()).tree == ()
        await database["accounts"].insert_one({"_id": ACCOUNT, "tree": ["root"]})

        async def moved() -> bool:
            return (await watched.account()).tree == ("root",)

        await eventually(moved, 5, "the new place in the tree")


async def test_the_change_stream_tells_of_webhooks_that_fail_in_another_worker(
    store: MongoServer, ours: Store, metrics: Metrics
) -> None:
    async with watching(store.url, ours, metrics) as watched:
        await watched.gap()
        report = HealthReport("one", (1.0,), succeeded=False, keep=6)
        await MongoWebhookHealth(ours).tell([report])

        async def told() -> bool:
            return watched.failing == ["one"]

        await eventually(told, 5, "the failure being told")


async def test_many_changes_in_a_row_come_in_few_answers(
    store: MongoServer,
    ours: Store,
    database: Documents,
    metrics: Metrics,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Long enough for several changes on the busiest machine.
    monkeypatch.setattr(watch, "GATHER_S", 0.5)
    ids = [f"webhook-{number}" for number in range(300)]
    await database["webhooks"].insert_many([webhook_document("http://a/", _id=one) for one in ids])

    async def questions() -> int:
        status = await database.client.admin.command("serverStatus")
        return int(status["metrics"]["commands"]["getMore"]["total"])

    async def all_told() -> bool:
        return watched.deleted == ids

    async with watching(store.url, ours, metrics) as watched:
        await watched.gap()
        before = await questions()
        for one in ids:
            await database["webhooks"].delete_one({"_id": one})
        await eventually(all_told, 10, "all deletions being told")
        assert await questions() - before < len(ids) / 3


async def test_a_change_stream_that_has_nothing_to_tell_stands_all_the_same(
    store: MongoServer, ours: Store, metrics: Metrics
) -> None:
    with capture_logs() as lines:
        async with watching(store.url, ours, metrics):
            await asyncio.sleep(3)  # longer than any question to the store may take
    assert [line["event"] for line in lines] == ["watch.streaming"]


async def test_a_change_stream_that_ends_with_its_database_is_opened_anew(
    store: MongoServer, ours: Store, database: Documents, metrics: Metrics
) -> None:
    await database["webhooks"].insert_one(webhook_document("http://a/"))
    async with watching(store.url, ours, metrics) as watched:
        await watched.gap()
        assert await watched.uris() == {"http://a/"}
        await database.client.drop_database(database.name)
        await watched.gap()
        assert await watched.uris() == set()
        await database["webhooks"].insert_one(webhook_document("http://b/"))
        await watched.become({"http://b/"})


async def test_changes_made_while_the_store_was_away_are_not_missed(
    metrics: Metrics, tmp_path: Path
) -> None:
    server = MongoServer(tmp_path)
    async with server:
        with open_store(server.url, "shop", 2) as store:
            async with watching(server.url, store, metrics) as watched:
                await watched.gap()
                assert await watched.uris() == set()
                await server.kill()
                await server.start()
                await store.database["webhooks"].insert_one(webhook_document("http://a/"))
                await watched.become({"http://a/"})


async def test_without_a_replica_set_changes_are_found_by_polling(
    metrics: Metrics, tmp_path: Path
) -> None:
    async with MongoServer(tmp_path, replica_set=False) as standalone:
        with open_store(standalone.url, "shop", 2) as store:
            async with watching(standalone.url, store, metrics) as watched:
                assert await watched.uris() == set()
                webhooks = store.database["webhooks"]
                now = datetime.now(UTC)
                await webhooks.insert_one(webhook_document("http://a/", modified_at=now))
                await watched.become({"http://a/"})
                change = {"uri": "http://b/", "modified_at": datetime.now(UTC)}
                await webhooks.update_one({}, {"$set": change})
                await watched.become({"http://b/"})


async def test_without_a_replica_set_a_deletion_is_found_by_polling(
    metrics: Metrics, tmp_path: Path
) -> None:
    async with MongoServer(tmp_path, replica_set=False) as standalone:
        with open_store(standalone.url, "shop", 2) as store:
            async with watching(standalone.url, store, metrics) as watched:
                # So says whoever deletes one through the API.
                gone = {"_id": "one", "deleted": True, "updated_at": datetime.now(UTC)}
                await store.database["webhook_health"].insert_one(gone)

                async def told() -> bool:
                    return "one" in watched.deleted

                await eventually(told, 5, "the deletion being told")


async def test_without_a_replica_set_a_webhook_that_came_back_is_told_after_its_deletion(
    tmp_path: Path,
) -> None:
    told: list[str] = []
    async with (
        MongoServer(tmp_path, replica_set=False) as standalone,
        open_client(standalone.url, 2) as client,
    ):
        now = datetime.now(UTC)
        gone = {"_id": "one", "deleted": True, "updated_at": now}
        await client["shop"]["webhook_health"].insert_one(gone)
        back = webhook_document("http://a/", _id="one", modified_at=now)
        await client["shop"]["webhooks"].insert_one(back)
        watching_it = Watch(
            client,
            "shop",
            0.2,
            on_account=lambda _: None,
            on_webhook=lambda _: told.append("changed"),
            on_deleted=lambda _: told.append("deleted"),
            on_failing=lambda _: None,
            on_gap=lambda: None,
        )

        async def polled() -> bool:
            return len(told) >= 3

        async with running(watching_it):
            await eventually(polled, 5, "a poll")
    assert told[:3] == ["changed", "deleted", "changed"]


async def test_without_a_replica_set_a_deletion_by_the_api_is_told_within_seconds(
    metrics: Metrics, tmp_path: Path
) -> None:
    async with MongoServer(tmp_path, replica_set=False) as standalone:
        with open_store(standalone.url, "shop", 2) as store:
            async with watching(standalone.url, store, metrics) as watched:
                documents = MongoWebhookDocuments(store, SecretBox())
                kept = webhook_document("http://a/", _id="kept")
                for document in (kept, webhook_document("http://b/", _id="gone")):
                    await store.database["webhooks"].insert_one(document)
                await watched.become({"http://a/", "http://b/"})

                at = datetime.now(UTC)
                assert await documents.delete(ACCOUNT, "never there", at) is None
                deleted = await documents.delete(ACCOUNT, "gone", at)

                assert deleted is not None
                assert deleted["uri"] == "http://b/"
                await watched.become({"http://a/"})
                assert set(watched.deleted) == {"gone"}
