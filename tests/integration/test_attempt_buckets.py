"""The attempt log in buckets, on a real MongoDB: written, read, shown, dropped."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId

from service.adapters.mongo.bucket_upkeep import BucketUpkeep
from service.adapters.mongo.history import MongoAttemptHistory
from service.adapters.mongo.logs import MongoAttemptLog
from service.adapters.mongo.records import MongoRecords
from service.adapters.mongo.store import Client, Store, open_client, open_database
from service.adapters.mongo.tallies import MongoTallies
from service.dev.servers import MongoServer
from service.documents.buckets import AFTER_ALL_IDS, Span
from service.domain.delivery import Attempt, Outcome, Response, attempt_id_of
from service.management.selection import Selection
from service.management.tally import figures_of
from service.observability.metrics import Metrics
from tests.builders import ACCOUNT, make_attempt, make_delivery
from tests.conftest import Documents

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
DAY = timedelta(days=1)
EVERYTHING = Selection(ACCOUNT)
SUCCESS = Response(Outcome.SUCCEEDED, 200)


@pytest.fixture
def ours(store: MongoServer, database: Documents, metrics: Metrics) -> Iterator[Store]:
    made = Store(open_database(store.url, database.name, 5), metrics)
    yield made
    made.close()


@pytest.fixture
async def client(store: MongoServer) -> AsyncIterator[Client]:
    async with open_client(store.url, 5) as made:
        yield made


@pytest.fixture
def upkeep(ours: Store) -> BucketUpkeep:
    return BucketUpkeep(ours, 30)


@pytest.fixture
def attempts(ours: Store, client: Client, upkeep: BucketUpkeep) -> MongoAttemptLog:
    return MongoAttemptLog(ours, client, upkeep)


@pytest.fixture
def history(ours: Store) -> MongoAttemptHistory:
    return MongoAttemptHistory(ours)


def attempt(at: datetime, response: Response = SUCCESS, **changes: Any) -> Attempt:
    started_at = at.timestamp()
    return make_attempt(
        response,
        delivery=make_delivery(**changes),
        started_at=started_at,
        attempt_id=attempt_id_of(started_at),
    )


def earlier_row(one: Attempt, **changes: Any) -> dict[str, Any]:
    """Return a row as the releases before the buckets wrote it."""
    delivery = one.delivery
    return {
        "_id": one.attempt_id,
        "account_id": delivery.account_id, "webhook_id": delivery.webhook_id,
        "call_id": delivery.call_id, "delivery_id": delivery.delivery_id,
        "event_id": delivery.event_id, "hook": delivery.hook, "event_name": delivery.event_name,
        "outcome": "succeeded", "attempt": 1, "duration_ms": 1.5, "uri": "http://a/",
        "started_at": datetime.fromtimestamp(one.started_at, UTC),
        "payload": delivery.payload, "received_at": NOON,
    } | changes  # fmt: skip


async def names(database: Documents) -> list[str]:
    listed = await database.list_collection_names(filter={"name": {"$regex": "^attempts"}})
    return sorted(listed)


async def test_each_attempt_goes_to_the_bucket_of_its_time(
    attempts: MongoAttemptLog, database: Documents
) -> None:
    late = datetime(2026, 11, 28, 23, 59, 59, 999_700, tzinfo=UTC)
    await attempts.write([attempt(NOON - DAY), attempt(NOON), attempt(late)])
    assert await names(database) == [
        "attempts", "attempts_20261127", "attempts_20261128", "attempts_20261129",
    ]  # fmt: skip
    for name in ("attempts_20261127", "attempts_20261128", "attempts_20261129"):
        assert await database[name].count_documents({}) == 1
        assert len(await database[name].index_information()) == 5
    assert await database["attempts"].count_documents({"account_id": ACCOUNT}) == 3


async def test_rows_of_an_event_have_its_payload_once(
    attempts: MongoAttemptLog, history: MongoAttemptHistory, database: Documents
) -> None:
    payload = b'{"a":"%s"}' % (b"x" * 500)
    hooks = [f"w{number}" for number in range(4)]
    made = [attempt(NOON, webhook_id=hook, payload=payload) for hook in hooks]
    await attempts.write(made[:2])
    await attempts.write(made[2:])
    await attempts.write([attempt(NOON, webhook_id="w4", payload=b'{"other":"version"}')])
    rows = [row async for row in database["attempts_20261128"].find().sort("webhook_id", 1)]
    assert ["payload" in row for row in rows] == [True, False, False, False, True]
    assert {row.get("payload_in") for row in rows} == {None, rows[0]["_id"]}
    for one in made:
        row = await history.find(ACCOUNT, one.delivery.webhook_id, one.attempt_id)
        assert row is not None
        delivery = history.delivery(row)
        assert delivery is not None
        assert (delivery.payload, delivery.webhook_id) == (payload, one.delivery.webhook_id)
        assert delivery.received_at == one.delivery.received_at


async def test_an_attempt_in_the_next_bucket_has_the_payload_again(
    attempts: MongoAttemptLog, database: Documents
) -> None:
    await attempts.write([attempt(NOON), attempt(NOON + DAY)])
    assert await database["attempts"].count_documents({"payload": {"$exists": True}}) == 2


async def test_a_payload_whose_row_is_gone_was_not_kept(
    attempts: MongoAttemptLog, history: MongoAttemptHistory, database: Documents
) -> None:
    first, second = attempt(NOON), attempt(NOON)
    await attempts.write([first, second])
    await database["attempts_20261128"].delete_one({"_id": ObjectId(first.attempt_id)})
    row = await history.find(ACCOUNT, "hook-1", second.attempt_id)
    assert row is not None
    assert history.delivery(row) is None


async def test_pages_run_over_buckets_of_any_span_and_the_log_of_an_earlier_release(
    ours: Store, client: Client, upkeep: BucketUpkeep, history: MongoAttemptHistory,
    database: Documents,
) -> None:  # fmt: skip
    made = [attempt(NOON - number * DAY / 4) for number in range(60)]
    await database["attempts"].insert_many([earlier_row(one) for one in made[40:]])
    await upkeep.tidy()
    await MongoAttemptLog(ours, client, upkeep, Span.MONTH).write(made[30:40])
    await MongoAttemptLog(ours, client, upkeep, Span.DAY).write(made[5:30])
    # Buckets of hours within that of a day, as after a change of the retention.
    await MongoAttemptLog(ours, client, upkeep, Span.HOUR).write(made[:5])
    found: list[str] = []
    start = None
    while page := await history.page(EVERYTHING, start, 7):
        found += [str(row["_id"]) for row in page]
        start = found[-1]
    assert found == [one.attempt_id for one in made]
    assert await database["attempts"].count_documents({}) == 60


async def test_filters_select_in_every_bucket(
    attempts: MongoAttemptLog, history: MongoAttemptHistory, upkeep: BucketUpkeep,
    database: Documents,
) -> None:  # fmt: skip
    failed = Response(Outcome.TIMED_OUT)
    made = [
        attempt(NOON - number * DAY, failed if number % 3 == 0 else SUCCESS,
                call_id=f"call-{number % 2}", webhook_id=f"w{number % 5}")
        for number in range(20)
    ]  # fmt: skip
    old = [attempt(NOON - 25 * DAY, call_id="call-1", webhook_id="w1")]
    await database["attempts"].insert_many([earlier_row(one) for one in old])
    await upkeep.tidy()
    await attempts.write(made)

    async def numbers(**selection: Any) -> list[int]:
        page = await history.page(Selection(ACCOUNT, **selection), None, 100)
        every = [*made, *old]
        ids = [one.attempt_id for one in every]
        return [ids.index(str(row["_id"])) for row in page]

    assert await numbers(equals={"call_id": "call-1"}) == [1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 20]
    assert await numbers(equals={"webhook_id": "w1"}) == [1, 6, 11, 16, 20]
    assert await numbers(failed=True) == [0, 3, 6, 9, 12, 15, 18]
    assert await numbers(since=NOON - 4 * DAY, until=NOON - 2 * DAY) == [2, 3, 4]
    assert await numbers(ids=(made[2].attempt_id, old[0].attempt_id, "no id")) == [2, 20]
    assert await numbers(equals={"call_id": "unknown"}) == []
    outcomes = await history.outcomes(Selection(ACCOUNT, since=NOON - 5 * DAY))
    assert outcomes == {"succeeded": 4, "timed_out": 2}
    assert len(await history.durations(EVERYTHING, 7)) == 7
    assert await history.page(Selection("other"), None, 10) == []


async def test_an_attempt_of_an_earlier_release_is_found_with_its_payload(
    history: MongoAttemptHistory, upkeep: BucketUpkeep, database: Documents
) -> None:
    old = attempt(NOON)
    await database["attempts"].insert_one(earlier_row(old))
    for _ in range(2):
        row = await history.find(ACCOUNT, "hook-1", old.attempt_id)
        assert row is not None
        delivery = history.delivery(row)
        assert delivery is not None
        assert delivery.payload == old.delivery.payload
        await upkeep.tidy()
    assert await names(database) == ["attempts", "attempts_earlier"]
    assert await history.find(ACCOUNT, "hook-1", "not an id") is None
    assert await history.find("other", "hook-1", old.attempt_id) is None


async def test_a_bucket_is_dropped_when_all_of_it_is_older_than_the_retention(
    ours: Store, attempts: MongoAttemptLog, database: Documents
) -> None:
    now = datetime.now(UTC)
    await attempts.write([attempt(now - days * DAY) for days in (0, 1, 3, 4, 40)])
    await BucketUpkeep(ours, 2).tidy()
    kept = [f"attempts_{now - days * DAY:%Y%m%d}" for days in (1, 0)]
    assert await names(database) == ["attempts", *kept]
    assert await database["attempts"].count_documents({}) == 2
    await BucketUpkeep(ours, 30).tidy()
    assert await names(database) == ["attempts", *kept]


async def test_the_log_of_an_earlier_release_expires_and_is_dropped_when_it_is_empty(
    ours: Store, upkeep: BucketUpkeep, database: Documents
) -> None:
    await database["attempts"].insert_one(earlier_row(attempt(datetime.now(UTC))))
    await upkeep.tidy()
    for days in (30, 2):
        await BucketUpkeep(ours, days).tidy()
        index = (await database["attempts_earlier"].index_information())["expire"]
        assert index["expireAfterSeconds"] == days * 86_400
    await database["attempts_earlier"].delete_many({})
    await upkeep.tidy()
    assert "attempts_earlier" not in await names(database)


async def test_the_log_of_an_older_process_beside_ours_is_read_as_well(
    attempts: MongoAttemptLog, history: MongoAttemptHistory, upkeep: BucketUpkeep,
    database: Documents,
) -> None:  # fmt: skip
    rows = [attempt(NOON - number * DAY) for number in range(3)]
    await database["attempts"].insert_one(earlier_row(rows[2]))
    await upkeep.tidy()
    await database.drop_collection("attempts")
    await database["attempts"].insert_one(earlier_row(rows[1]))
    await attempts.write(rows[:1])
    await upkeep.tidy()
    page = await history.page(EVERYTHING, None, 10)
    assert [str(row["_id"]) for row in page] == [one.attempt_id for one in rows]


async def test_a_filter_of_the_view_uses_an_index_of_each_bucket(
    attempts: MongoAttemptLog, database: Documents
) -> None:
    made = [attempt(NOON - number * DAY, call_id=f"c{number % 2}") for number in range(4)]
    await attempts.write(made)
    wanted = {"account_id": ACCOUNT, "call_id": "c1"}
    find = {"find": "attempts", "filter": wanted}
    plan = str(await database.command("explain", find, verbosity="queryPlanner"))
    assert plan.count("'winningPlan'") == 4
    assert "'IXSCAN'" in plan
    assert "'COLLSCAN'" not in plan
    assert await database["attempts"].count_documents(wanted) == 2


async def test_sums_and_searches_cover_all_buckets(
    ours: Store, attempts: MongoAttemptLog, database: Documents
) -> None:
    await database["attempts"].insert_one(earlier_row(attempt(NOON - 3 * DAY, call_id="old")))
    made = [attempt(NOON - number * DAY, call_id=f"c{number}") for number in range(3)]
    await attempts.write(made)
    tallies = MongoTallies(ours)
    assert figures_of(await tallies.by_account(NOON - 9 * DAY, 100)).attempts == 4
    assert figures_of(await tallies.by_account(NOON - 1.5 * DAY, 100)).attempts == 2
    assert figures_of(await tallies.by_account(NOON - 9 * DAY, 2)).attempts == 2
    ids = sorted(one.attempt_id for one in made)
    for first, end, most, read, reached in (
        ("0", AFTER_ALL_IDS, 100, 4, "0"),
        (ids[0], ids[2], 100, 2, ids[0]),
        ("0", AFTER_ALL_IDS, 2, 2, ids[1]),
        (ids[2], ids[2], 100, 0, ids[2]),
    ):
        part = await tallies.by_hour(Selection(ACCOUNT), None, first, end, most)
        assert (part.read, part.first, part.end) == (read, reached, end)
        assert figures_of(part.tallies).attempts == read
    records = MongoRecords(ours)
    for text, count in (("hook-1", 4), ("old", 1), ("c2", 1), (made[1].attempt_id, 1), ("x", 0)):
        assert len(await records.attempts(text, 10)) == count, text
    assert len(await records.attempts("hook-1", 3)) == 3
