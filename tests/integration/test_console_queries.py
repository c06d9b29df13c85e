"""What the console asks store and broker: sums, searches, sessions and backlogs."""

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId

from service.adapters.mongo import records
from service.adapters.mongo.bucket_upkeep import BucketUpkeep
from service.adapters.mongo.records import MongoRecords
from service.adapters.mongo.replays import MongoTokens
from service.adapters.mongo.store import Store, open_database
from service.adapters.mongo.tallies import MongoTallies
from service.adapters.rabbitmq.backlogs import Backlogs
from service.dev.servers import MongoServer, free_port
from service.domain.delivery import attempt_id_of, time_key
from service.domain.errors import BrokerUnavailable, StoreUnavailable
from service.management.counting import A_LOOK
from service.management.glance import LONGEST_S, Glance
from service.management.tally import figures_of
from service.management.token import TokenKind, new_token
from service.observability.metrics import Metrics
from tests.conftest import Documents
from tests.e2e.harness import ACCOUNT, clash_on_the_broker, webhook_document

NOW = datetime(2026, 1, 2, 12, 30, tzinfo=UTC)


@pytest.fixture
def ours(store: MongoServer, database: Documents, metrics: Metrics) -> Iterator[Store]:
    made = Store(open_database(store.url, database.name, 5), metrics)
    yield made
    made.close()


def row(number: int, minutes_ago: float = 1.0, **more: Any) -> dict[str, Any]:
    """Return a row of the attempt log."""
    at = NOW - timedelta(minutes=minutes_ago)
    return {
        "_id": f"{time_key(at.timestamp())}{number:08}", "webhook_id": "w", "account_id": ACCOUNT,
        "outcome": "succeeded", "duration_ms": 10.0, "started_at": at, "uri": "http://a.example/x",
        "call_id": f"call-{number}", "delivery_id": f"d{number}", "event_id": f"e{number}",
        "payload": b"{}",
    } | more  # fmt: skip


async def test_the_health_of_webhooks_is_counted_by_hour(ours: Store, database: Documents) -> None:
    await database["attempts"].insert_many(
        [
            *(row(n) for n in range(90)),
            *(row(n, 61, outcome="timed_out", duration_ms=5000.0) for n in range(90, 100)),
            row(100, 25 * 60),
            row(101, test=True),
            row(102, outcome="shadowed"),
            row(103, account_id="other"),
            row(104, webhook_id="below", event_account_id="sub"),
        ]
    )
    glance = Glance(MongoTallies(ours), lambda: NOW)
    found = (await glance.webhooks(ACCOUNT, own_only=True)).by_id
    assert found.keys() == {"w"}
    assert (found["w"].figures.attempts, found["w"].figures.succeeded) == (100, 90)
    assert 5000 <= (found["w"].figures.p95_ms or 0) < 5000 * 1.19
    hours = [(hour.at.hour, hour.succeeded, hour.failed) for hour in found["w"].hours]
    assert hours[-3:] == [(10, 0, 0), (11, 0, 10), (12, 90, 0)]
    assert len(hours) == 24
    everything = await glance.webhooks(ACCOUNT, own_only=False)
    assert everything.by_id.keys() == {"w", "below"}
    assert everything.since is None


async def test_each_look_at_a_busy_account_counts_further_back(
    ours: Store, database: Documents
) -> None:
    await database["attempts"].insert_many([row(n, 2 + n / 10) for n in range(6000)])
    clock = itertools.count(step=LONGEST_S)
    glance = Glance(MongoTallies(ours), lambda: NOW, lambda: next(clock))
    first = await glance.webhooks(ACCOUNT, ["w"], own_only=True)
    assert first.by_id["w"].figures.attempts == A_LOOK
    assert first.since == NOW - timedelta(minutes=2 + (A_LOOK - 1) / 10)
    await database["attempts"].insert_many([row(6000, 0.5, outcome="refused"), row(6001, 0.7)])
    second = await glance.webhooks(ACCOUNT, ["w"], own_only=True)
    assert second.since is None
    assert sum(hour.succeeded for hour in second.by_id["w"].hours) == 6000
    assert second.by_id["w"].figures.failed == 1


async def test_accounts_and_endpoints_are_sorted_by_failures(
    ours: Store, database: Documents
) -> None:
    await database["attempts"].insert_many(
        [
            *(row(n) for n in range(10)),
            row(10, account_id="other", uri="http://b.example:81/y", outcome="refused"),
            row(11, account_id="other", uri="no uri"),
        ]
    )
    glance = Glance(MongoTallies(ours), lambda: NOW)
    accounts = await glance.accounts(timedelta(hours=1))
    assert [(one.key, one.figures.attempts) for one in accounts] == [("other", 2), (ACCOUNT, 10)]
    endpoints = await glance.endpoints(timedelta(hours=1))
    assert [(one.key, one.account_ids) for one in endpoints] == [
        ("http://b.example:81", ["other"]),
        ("http://a.example:80", [ACCOUNT]),
        ("(no valid URI)", ["other"]),
    ]


async def test_only_the_newest_attempts_are_counted(ours: Store, database: Documents) -> None:
    await database["attempts"].insert_many([row(n) for n in range(20)])
    tallies = await MongoTallies(ours).by_account(NOW - timedelta(hours=1), 5)
    assert figures_of(tallies).attempts == 5


async def test_a_question_that_takes_too_long_is_not_a_store_that_is_away(
    ours: Store, database: Documents
) -> None:
    await database["attempts"].insert_many([row(n) for n in range(2000)])
    await ours.ask(ours.database.command("ping"))
    with pytest.raises(StoreUnavailable):
        await MongoTallies(ours, within_s=0.0001).by_account(NOW - timedelta(hours=1), 2000)
    assert ours.up


@pytest.mark.parametrize(
    "text", ["w", "call-3", "d3", "e3", "http://a.example/x", "http://a.example"]
)
async def test_a_search_finds_attempts_by_every_id_and_by_uri(
    ours: Store, database: Documents, text: str
) -> None:
    await database["attempts"].insert_many([row(n) for n in range(5)])
    found = await MongoRecords(ours).attempts(text, 3)
    newest = [f"d{n}" for n in (4, 3, 2)]
    assert [one["delivery_id"] for one in found] == (["d3"] if text[-1] == "3" else newest)
    assert all("payload" not in one for one in found)


async def test_a_call_is_found_by_an_index_however_old_it_is(
    ours: Store, database: Documents, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "MOST_READ", 2)
    await ours.prepare(3650, 3650)
    await database["webhooks"].insert_one(webhook_document("http://a.example/x", _id="w"))
    await database["attempts"].insert_many([row(n, 60 - n) for n in range(5)])
    letter = {"account_id": ACCOUNT, "died_at": NOW, "payload": "{}", "call_id": "call-0"}
    await database["dead_letters"].insert_many([{**letter, "_id": f"d{n}"} for n in range(5)])
    (found,) = await MongoRecords(ours).attempts("call-0", 3)
    assert found["call_id"] == "call-0"
    assert len(await MongoRecords(ours).letters("call-0", 3)) == 3
    assert await MongoRecords(ours).attempts("e0", 3) == []
    indexed = await MongoRecords(ours)._indexed("call-0")
    plan = await database["dead_letters"].find(indexed).explain()
    assert "COLLSCAN" not in repr(plan["queryPlanner"]["winningPlan"])


async def test_an_event_a_uri_and_a_given_up_delivery_are_found_however_old_they_are(
    ours: Store, database: Documents, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "MOST_READ", 2)
    bucket = "attempts_20260102"
    await BucketUpkeep(ours, 3650).create(bucket)
    rows = [row(n, 60 - n, webhook_id=f"w{n}") for n in range(5)]
    await database[bucket].insert_many([
        {**one, "_id": ObjectId(f"{one['_id'][:12]}{n:012x}")} for n, one in enumerate(rows)
    ])  # fmt: skip
    await database["webhooks"].insert_one(webhook_document("http://a.example/x", _id="w0"))
    letter = {"_id": "d0", "event_id": "e0", "account_id": ACCOUNT, "died_at": NOW}
    await database["dead_letters"].insert_one(letter)
    for text in ("e0", "d0", "http://a.example"):
        (found,) = await MongoRecords(ours).attempts(text, 3)
        assert found["delivery_id"] == "d0", text
    assert await MongoRecords(ours).attempts("d1", 3) == []


async def test_a_search_looks_through_the_last_attempts_before_a_time(
    ours: Store, database: Documents, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "MOST_READ", 2)
    upkeep, found = BucketUpkeep(ours, 3650), MongoRecords(ours).attempts
    for day, first in (("20260101", 0), ("20260102", 5)):
        await upkeep.create(f"attempts_{day}")
        at = datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC)
        rows = [
            row(n, 0, webhook_id=f"w{n}")
            | {"_id": ObjectId(attempt_id_of((at + timedelta(minutes=n)).timestamp()))}
            for n in range(first, first + 5)
        ]
        await database[f"attempts_{day}"].insert_many(rows)
    later = datetime(2026, 1, 2, tzinfo=UTC)
    assert [len(await found(f"d{n}", 3)) for n in (9, 8, 7, 6)] == [1, 1, 0, 0]
    until = later + timedelta(minutes=6)
    # The last two before that time are in two buckets.
    assert [len(await found(f"d{n}", 3, until)) for n in (6, 5, 4, 3)] == [0, 1, 1, 0]
    assert [len(await found("e6", 3, one)) for one in (until, later + timedelta(hours=1))] == [0, 1]


async def test_a_search_finds_webhooks_and_dead_letters(ours: Store, database: Documents) -> None:
    await database["webhooks"].insert_one(webhook_document("http://a.example/x", _id="w"))
    letter = {"_id": "d1", "webhook_id": "w", "call_id": "c", "died_at": NOW, "payload": "{}"}
    await database["dead_letters"].insert_one(letter)
    records = MongoRecords(ours)
    for text in ("w", "http://a."):
        (webhook,) = await records.webhooks(text, 3)
        assert "secret" not in webhook
    for text in ("d1", "w", "c"):
        (found,) = await records.letters(text, 3)
        assert found["_id"] == "d1"
    assert await records.webhooks("nothing", 3) == []


async def test_sessions_are_kept_beside_tokens_and_not_listed(
    ours: Store, database: Documents
) -> None:
    await ours.prepare(1, 1)
    tokens = MongoTokens(ours)
    _, token = new_token("a", NOW)
    kind, later = TokenKind.SESSION, NOW + timedelta(hours=1)
    _, session = new_token("a", NOW, kind=kind, parent_id=token.token_id, purge_at=later)
    await tokens.add(token)
    await tokens.add(session)
    assert await tokens.find(session.token_id) == session
    assert await tokens.all("a") == [token]
    stored = await database["tokens"].find_one({"_id": token.token_id})
    assert stored is not None
    assert not {"kind", "parent_id", "purge_at"} & stored.keys()
    indexes = await database["tokens"].index_information()
    assert indexes["expire"] == {"v": 2, "key": [("purge_at", 1)], "expireAfterSeconds": 0}


async def test_backlogs_are_those_of_the_queues_that_exist(amqp_url: str) -> None:
    await clash_on_the_broker(amqp_url)
    backlogs = Backlogs(amqp_url, ("switchhook.events", "switchhook.deliveries"))
    assert await backlogs.all() == {"switchhook.deliveries": 0}
    with pytest.raises(BrokerUnavailable):
        await Backlogs(f"amqp://127.0.0.1:{free_port()}/", ("a",)).all()


def test_figures_of_nothing_have_no_percentile() -> None:
    figures = figures_of([])
    assert (figures.attempts, figures.share, figures.p95_ms) == (0, None, None)
