"""The adapters on a real MongoDB: reading webhooks, counting failures, writing logs."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from bson import ObjectId
from bson.datetime_ms import DatetimeMS
from structlog.testing import capture_logs

from service.adapters.mongo.bucket_upkeep import BucketUpkeep
from service.adapters.mongo.health import MongoWebhookHealth
from service.adapters.mongo.logs import MongoAttemptLog, MongoDeadLetters
from service.adapters.mongo.management import MongoWebhookDocuments
from service.adapters.mongo.store import Client, Store, open_client, open_database, open_store
from service.adapters.mongo.suspects import MongoSuspectCounts
from service.adapters.mongo.told_steps import MongoToldSteps
from service.adapters.mongo.webhooks import READ_AT_ONCE, MongoWebhooks
from service.adapters.secret_box import SecretBox
from service.dev.servers import MongoServer, free_port
from service.domain.delivery import DeadLetter, DeadLetterReason, Outcome, Response, attempt_id_of
from service.domain.disable import HealthReport
from service.domain.errors import StoreUnavailable
from service.domain.webhook import Webhook
from service.observability.metrics import Metrics
from tests.builders import make_attempt, make_delivery
from tests.conftest import Documents
from tests.e2e.harness import ACCOUNT, webhook_document
from tests.fakes import counted


@pytest.fixture
def ours(store: MongoServer, database: Documents, metrics: Metrics) -> Iterator[Store]:
    made = Store(open_database(store.url, database.name, 5), metrics)
    yield made
    made.close()


@pytest.fixture
async def mongo_client(store: MongoServer) -> AsyncIterator[Client]:
    async with open_client(store.url, 5) as client:
        yield client


@pytest.fixture
def webhooks(ours: Store, mongo_client: Client) -> MongoWebhooks:
    return MongoWebhooks(ours, mongo_client, SecretBox(), "kazoo")


async def test_an_account_comes_with_its_place_in_the_tree_and_its_enabled_webhooks(
    webhooks: MongoWebhooks, database: Documents
) -> None:
    await database["accounts"].insert_one(
        {"_id": ACCOUNT, "tree": ["root", "reseller"], "reseller_id": "r"}
    )
    await database["webhooks"].insert_many(
        [
            webhook_document("http://a/", _id="one"),
            webhook_document("http://a/", _id="two", enabled=False),
            webhook_document("http://a/", _id="three", account_id="other"),
            webhook_document("http://a/", _id="four", enabled="true"),
        ]
    )
    account = await webhooks.account(ACCOUNT)
    assert account.tree == ("root", "reseller")
    assert account.reseller_id == "r"
    assert [webhook.webhook_id for webhook in account.webhooks] == ["one", "four"]


async def test_of_a_webhook_that_is_too_large_only_its_size_is_loaded(
    ours: Store, webhooks: MongoWebhooks, database: Documents
) -> None:
    large = {"custom_data": {"x": "y" * 100_000}}
    history = [{"by": "x" * 100_000}]
    documents = [
        webhook_document("http://a/", _id="good", history=history),
        webhook_document("http://a/", _id="bad", **large),
    ]
    await database["webhooks"].insert_many(documents)
    with capture_logs() as logs:
        account = await webhooks.account(ACCOUNT)
        assert await webhooks.webhook("bad") is None
    assert [webhook.webhook_id for webhook in account.webhooks] == ["good"]
    skipped = [line for line in logs if line["event"] == "webhook.skipped"]
    assert [line["webhook_id"] for line in skipped] == ["bad", "bad"]
    assert "document has 100" in skipped[0]["problem"]
    managed = MongoWebhookDocuments(ours, SecretBox())
    listed = {document["_id"]: document for document in await managed.of_account(ACCOUNT)}
    assert len(repr(listed)) < 5_000
    found = await managed.find(ACCOUNT, "good")
    assert found is not None
    assert found["history"] == history
    found = await managed.delete(ACCOUNT, "bad", datetime.now(UTC))
    assert found is not None
    assert found["too_large"] > 100_000
    assert "custom_data" not in found


@pytest.mark.parametrize("ms", [1 << 62, -(1 << 62)])
async def test_a_date_that_no_calendar_has_hides_no_webhook(
    ours: Store, webhooks: MongoWebhooks, database: Documents, ms: int
) -> None:
    """Another tool wrote it; the driver raises for such a date unless it is told not to."""
    odd = webhook_document("http://a/", _id="odd", created_at=DatetimeMS(ms))
    odd |= {"modified_at": DatetimeMS(ms), "previous_secret_until": DatetimeMS(ms)}
    await database["webhooks"].insert_many([odd, webhook_document("http://a/", _id="other")])
    account = await webhooks.account(ACCOUNT)
    assert [webhook.webhook_id for webhook in account.webhooks] == ["odd", "other"]
    assert await MongoWebhookDocuments(ours, SecretBox()).find(ACCOUNT, "odd") is not None


async def test_an_account_without_a_document_has_its_own_webhooks_and_no_ancestors(
    webhooks: MongoWebhooks, database: Documents
) -> None:
    await database["webhooks"].insert_one(webhook_document("http://a/"))
    account = await webhooks.account(ACCOUNT)
    assert account.tree == ()
    assert len(account.webhooks) == 1


async def test_accounts_asked_for_in_the_same_moment_are_one_question_and_each_gets_its_own(
    webhooks: MongoWebhooks, database: Documents, metrics: Metrics
) -> None:
    ids = [f"account-{n}" for n in range(5)]
    await database["accounts"].insert_one({"_id": ids[0], "tree": [ids[1]]})
    await database["webhooks"].insert_many(
        [
            webhook_document("http://a/", _id="one", account_id=ids[0]),
            webhook_document("http://a/", _id="two", account_id=ids[2]),
            webhook_document("http://a/", _id="three", account_id=ids[0]),
        ]
    )
    accounts = await asyncio.gather(*map(webhooks.account, ids))
    assert counted(metrics, "store_seconds_count") == 2
    assert [account.account_id for account in accounts] == ids
    assert [[one.webhook_id for one in account.webhooks] for account in accounts] == [
        ["one", "three"], [], ["two"], [], [],
    ]  # fmt: skip
    assert accounts[0].tree == (ids[1],)


async def test_of_a_large_account_few_webhooks_are_read_in_one_pass_of_the_event_loop(
    ours: Store, mongo_client: Client, database: Documents
) -> None:
    passes, read_in = 0, Counter[int]()

    async def count_passes() -> None:
        nonlocal passes
        while True:
            passes += 1
            await asyncio.sleep(0)

    def note_pass(webhook: Webhook) -> Webhook:
        read_in[passes] += 1
        return webhook

    await database["webhooks"].insert_many(
        [webhook_document("http://a/", _id=f"webhook-{n:03}") for n in range(150)]
    )
    counting = asyncio.create_task(count_passes())
    webhooks = MongoWebhooks(ours, mongo_client, SecretBox(), "kazoo", note_pass)
    account = await webhooks.account(ACCOUNT)
    counting.cancel()
    assert len({one.webhook_id for one in account.webhooks}) == 150
    assert max(read_in.values()) == READ_AT_ONCE


async def test_a_webhook_is_found_by_its_id_even_if_that_is_an_object_id(
    webhooks: MongoWebhooks, database: Documents
) -> None:
    document = webhook_document("http://a/")
    del document["_id"]
    key = (await database["webhooks"].insert_one(document)).inserted_id
    assert isinstance(key, ObjectId)
    found = await webhooks.webhook(str(key))
    assert found is not None
    assert found.webhook_id == str(key)
    assert await webhooks.webhook("f" * 24) is None


async def test_a_dialled_number_is_found_with_and_without_its_plus_sign(
    webhooks: MongoWebhooks, database: Documents
) -> None:
    await database["numbers"].insert_one({"_id": "+15552345678", "account_id": ACCOUNT})
    assert await webhooks.account_of_number("+15552345678") == ACCOUNT
    assert await webhooks.account_of_number("15552345678") == ACCOUNT
    assert await webhooks.account_of_number("+15550000000") is None


async def test_a_store_that_is_away_is_said_to_be_unavailable_in_time() -> None:
    started = asyncio.get_running_loop().time()
    url = f"mongodb://127.0.0.1:{free_port()}/"
    with open_store(url, "x", 0.3) as away:
        async with open_client(url, 0.3) as client:
            with pytest.raises(StoreUnavailable):
                await MongoWebhooks(away, client, SecretBox(), "kazoo").account(ACCOUNT)
    assert asyncio.get_running_loop().time() - started < 2


async def test_attempts_are_written_and_the_preparation_is_idempotent(
    ours: Store, database: Documents, mongo_client: Client
) -> None:
    await ours.prepare(30, 365)
    await ours.prepare(30, 365)
    response = Response(Outcome.BAD_STATUS, 500, (("Server", "x"),), b"boom")
    attempt = make_attempt(response, uri="http://a/b?secret=1", started_at=1.5e9)
    other = replace(attempt, attempt_id=attempt_id_of(1.5e9))
    attempts = MongoAttemptLog(ours, mongo_client, BucketUpkeep(ours, 30))
    await attempts.write([attempt, other])
    # An answer that got lost: what was stored already stays as it is.
    await attempts.write([attempt])
    rows = [row async for row in database["attempts"].find()]
    assert len(rows) == 2
    assert rows[0]["status"] == 500
    assert rows[0]["response_body"] == "boom"
    assert rows[0]["uri"] == "http://a/b"
    assert rows[0]["started_at"] == datetime.fromtimestamp(1.5e9, UTC)


async def test_filing_a_dead_letter_twice_is_filing_it_once(
    ours: Store, database: Documents
) -> None:
    letter = DeadLetter(make_delivery(), DeadLetterReason.EXHAUSTED, "http://a/", 1.6e9)
    await MongoDeadLetters(ours).file([letter])
    await MongoDeadLetters(ours).file([letter])
    assert await database["dead_letters"].count_documents({}) == 1


async def test_dead_letters_of_one_message_are_filed_together(
    ours: Store, database: Documents
) -> None:
    letters = [
        DeadLetter(make_delivery(delivery_id=f"d{n}"), DeadLetterReason.GONE, None, 1.6e9)
        for n in range(3)
    ]
    await MongoDeadLetters(ours).file(letters[:2])
    await MongoDeadLetters(ours).file(letters)
    ids = {row["_id"] async for row in database["dead_letters"].find()}
    assert ids == {"d0", "d1", "d2"}


async def test_failures_are_counted_for_all_workers_and_a_success_forgets_them(
    ours: Store, database: Documents
) -> None:
    one, other = MongoWebhookHealth(ours), MongoWebhookHealth(ours)
    counts = await asyncio.gather(
        *(worker.tell([failed("hook", float(n))]) for n, worker in enumerate((one, other) * 4))
    )
    assert max(len(counted["hook"]) for counted in counts) == 6
    assert len(await one.failures("hook")) == 6
    assert await other.tell([HealthReport("hook", (), succeeded=True, keep=6)]) == {}
    assert await one.tell([failed("hook", 9.0)]) == {"hook": [9.0]}
    assert await database["webhook_health"].count_documents({}) == 1


async def test_what_is_told_of_many_webhooks_counts_once_however_often_it_is_told(
    ours: Store,
) -> None:
    health = MongoWebhookHealth(ours)
    await health.tell([failed("old", 1.0, 2.0), failed("well", 1.0)])
    reports = [
        failed("old", 3.0, 4.0),
        HealthReport("well", (), succeeded=True, keep=6),
        HealthReport("between", (5.0,), succeeded=True, keep=6),
    ]
    expected = {"old": [1.0, 2.0, 3.0, 4.0], "between": [5.0]}
    assert await health.tell(reports) == expected
    assert await health.tell(reports) == expected
    assert await health.failures("well") == []


async def test_trials_of_a_message_are_counted_for_all_workers(ours: Store) -> None:
    one, other = MongoSuspectCounts(ours), MongoSuspectCounts(ours)
    counts = await asyncio.gather(*(worker.begin(b"message") for worker in (one, other) * 3))
    assert sorted(counts) == [0, 1, 2, 3, 4, 5]
    assert await one.begin(b"another") == 0


async def test_a_status_is_told_once_whichever_worker_sees_it_first(ours: Store) -> None:
    one, other = MongoToldSteps(ours), MongoToldSteps(ours)
    begun = await asyncio.gather(
        *((one, other)[number % 2].begin("row", 1, f"event {number}") for number in range(6))
    )
    assert sum(begun) == 1
    winner = f"event {begun.index(True)}"
    assert await other.begin("row", 1, winner)
    assert await other.begin("another row", 1, "event")


async def test_a_status_is_not_told_after_a_later_one(ours: Store, database: Documents) -> None:
    steps = MongoToldSteps(ours)
    assert await steps.begin("row", 0, "queued")
    assert await steps.begin("row", 2, "delivered")
    assert not await steps.begin("row", 1, "sent")
    assert not await steps.begin("row", 0, "queued")
    assert not await steps.begin("row", 2, "failed")
    [document] = await database["told_steps"].find().to_list()
    assert (document["rank"], document["by"], set(document["sent"])) == (
        2, "delivered", {"r0", "r2"},
    )  # fmt: skip


async def test_an_earlier_status_is_sent_until_it_is_settled(ours: Store) -> None:
    steps = MongoToldSteps(ours)
    await steps.begin("row", 1, "sent")
    await steps.begin("row", 2, "delivered")
    assert await steps.earlier_is_sent("row", 2)
    assert not await steps.earlier_is_sent("row", 1)
    await steps.end("row", 1)
    assert not await steps.earlier_is_sent("row", 2)


def failed(webhook_id: str, *at: float) -> HealthReport:
    return HealthReport(webhook_id, at, succeeded=False, keep=6)


async def test_a_webhook_is_disabled_once_with_its_reason(ours: Store, database: Documents) -> None:
    await database["webhooks"].insert_one(webhook_document("http://a/", _id="hook"))
    health = MongoWebhookHealth(ours)
    await health.tell([failed("hook", 1.0)])
    answers = await asyncio.gather(*(health.disable("hook", "too bad") for _ in range(4)))
    assert sorted(answers) == [False, False, False, True]
    document = await database["webhooks"].find_one({"_id": "hook"}) or {}
    assert (document["enabled"], document["disable_reason"]) == (False, "too bad")
    assert document["modified_at"] == document["disabled_at"]
    assert await database["webhook_health"].count_documents({}) == 0
