"""Dead letters through the API: listed, understood, and brought back to life."""

import json
from typing import Any

from service.dev.receiver import Receiver
from service.text.gregorian import GREGORIAN_OFFSET_S
from tests.api_client import Client, problem
from tests.e2e.harness import eventually
from tests.e2e.shared_service import SharedService, StartShared

LEASE_S = 20
"""How long a worker that died keeps its replay."""


async def letters_of(api: Client, count: int) -> Any:
    """Return the dead letters as soon as there are so many."""

    async def enough() -> list[Any]:
        found: list[Any] = (await api.get("dead_letters")).data
        return found if len(found) == count else []

    return await eventually(enough, what=f"{count} dead letters")


async def failed(
    shared: SharedService, receiver: Receiver, *call_ids: str
) -> tuple[Client, Any, Any]:
    """Return an account, its webhook that fails, and the dead letters of calls, newest first.

    Each call dies after the one before it.
    """
    api = await shared.tenant()
    receiver.script("/hook", 500)
    webhook = await api.create(receiver.url("/hook?token=hush"), retries=0)
    letters: Any = []
    for number, call_id in enumerate(call_ids, 1):
        await shared.call(api.account_id, call_id)
        letters = await letters_of(api, number)
    receiver.requests.clear()
    return api, webhook, letters


async def test_dead_letters_are_counted_and_discarded_by_id_and_by_filter(
    shared: SharedService, receiver: Receiver
) -> None:
    api, webhook, letters = await failed(shared, receiver, "c-1", "c-2", "c-3")
    one = [letters[0]["id"]]
    counted = await api.post("dead_letters/discard", ids=one, dry_run=True)
    assert counted.data == {"matched": 1, "dry_run": True}
    assert len((await api.get("dead_letters")).data) == 3
    other = await shared.tenant()
    assert (await other.post("dead_letters/discard", ids=one)).data == {"discarded": 0}
    assert (await api.post("dead_letters/discard", ids=one)).data == {"discarded": 1}
    nothing = {"hook_id": webhook["id"], "reason": "gone"}
    assert (await api.post("dead_letters/discard", filter=nothing)).data == {"discarded": 0}
    assert "required" in problem(await api.post("dead_letters/discard"), "filter")
    assert (await api.post("dead_letters/discard", filter={})).data == {"discarded": 2}
    assert (await api.get("dead_letters")).data == []


async def finished(api: Client, replay: Any, timeout_s: float = 15) -> Any:
    """Return the replay as soon as it is through."""

    async def through() -> Any:
        reply = await api.get(f"dead_letters/replays/{replay['id']}")
        assert reply.status == 200
        return reply.data if reply.data["state"] == "finished" else None

    return await eventually(through, timeout_s, what="the end of the replay")


async def test_dead_letters_are_listed_newest_first_filtered_paged_and_told_in_full(
    shared: SharedService, receiver: Receiver
) -> None:
    api, webhook, letters = await failed(shared, receiver, "c-1", "c-2", "c-3")
    assert [letter["call_id"] for letter in letters] == ["c-3", "c-2", "c-1"]
    newest = letters[0]
    assert newest["hook_id"] == webhook["id"]
    assert (newest["hook"], newest["reason"]) == ("channel_create", "exhausted")
    assert newest["uri"] == receiver.url("/hook")
    assert [(a["attempt"], a["status"]) for a in newest["attempts"]] == [(1, 500)]
    full = await api.get(f"dead_letters/{newest['id']}")
    assert full.data == newest | {"payload": full.data["payload"]}
    assert full.data["payload"]["call_id"] == "c-3"
    assert "hush" not in json.dumps([letters, full.envelope])
    assert (await api.get("dead_letters/no-such-letter")).status == 404

    async def found(**query: Any) -> list[str]:
        reply = await api.get("dead_letters", **query)
        assert reply.status == 200, reply.envelope
        return [item["call_id"] for item in reply.data]

    everything = ["c-3", "c-2", "c-1"]
    assert await found(filter_hook_id=webhook["id"]) == everything
    assert await found(filter_hook_id="another") == []
    assert await found(filter_hook="channel_create") == everything
    assert await found(filter_hook="sms") == []
    assert await found(filter_reason="exhausted") == everything
    assert await found(filter_reason="gone") == []
    assert await found(call_id="c-2") == ["c-2"]
    assert await found(filter_call_id="c-1") == ["c-1"]
    assert await found(filter_endpoint=f"http://127.0.0.1:{receiver.port}") == everything
    assert await found(created_from=letters[1]["died_at"]) == ["c-3", "c-2"]
    assert await found(created_to=letters[1]["died_at"]) == ["c-2", "c-1"]
    assert await found(created_to=GREGORIAN_OFFSET_S + 1) == []
    assert "enum" in problem(await api.get("dead_letters", filter_name="x"), "filter_name")
    pages = await api.pages("dead_letters", page_size=2)
    assert [[item["call_id"] for item in page] for page in pages] == [["c-3", "c-2"], ["c-1"]]


async def test_a_replay_by_ids_delivers_them_with_their_old_ids_and_takes_them_off_the_list(
    shared: SharedService, receiver: Receiver
) -> None:
    api, _, letters = await failed(shared, receiver, "c-1", "c-2", "c-3")
    receiver.script("/hook", 200)
    wanted = [letters[0]["id"], letters[2]["id"]]
    reply = await api.post("dead_letters/replay", ids=wanted)
    assert reply.status == 202
    assert reply.headers["Location"] == f"replays/{reply.data['id']}"
    assert (reply.data["matched"], reply.data["state"]) == (2, "running")
    replay = await finished(api, reply.data)
    assert (replay["replayed"], replay["matched"]) == (2, 2)
    assert replay["ended_at"] is not None
    assert replay["created_by"].startswith("token:")
    await receiver.until(lambda: len(receiver.requests) == 2, 10)
    assert {request.delivery_id for request in receiver.requests} == set(wanted)
    assert {r.headers["X-Switchhook-Replay"] for r in receiver.requests} == {replay["id"]}
    assert {r.attempt for r in receiver.requests} == {1}
    left = (await api.get("dead_letters")).data
    assert [letter["call_id"] for letter in left] == ["c-2"]
    everything = (await api.get("dead_letters", replayed="true")).data
    assert [letter["call_id"] for letter in everything] == ["c-3", "c-2", "c-1"]
    assert everything[0]["replay_id"] == replay["id"]
    assert everything[0]["replayed_by"] == replay["created_by"]
    assert "replay_id" not in everything[1]


async def test_replays_are_listed_newest_first_and_paged(shared: SharedService) -> None:
    api = await shared.tenant()
    assert (await api.get("dead_letters/replays")).data == []
    made = [(await api.post("dead_letters/replay", filter={})).data["id"] for _ in range(5)]
    listed = (await api.get("dead_letters/replays")).data
    assert {replay["id"] for replay in listed} == set(made)
    times = [replay["created_at"] for replay in listed]
    assert times == sorted(times, reverse=True)
    pages = await api.pages("dead_letters/replays", page_size=2)
    assert [len(page) for page in pages] == [2, 2, 1]
    one_by_one = [replay["id"] for page in pages for replay in page]
    assert one_by_one == [replay["id"] for replay in listed]
    assert (await (await shared.tenant()).get("dead_letters/replays")).data == []
    assert "invalid" in problem(await api.get("dead_letters/replays", start_key="x"), "start_key")
    letters = await shared.superuser(api.account_id)
    assert len((await letters.get("dead_letters/replays")).data) == 5


async def test_a_dry_run_counts_and_a_limit_takes_the_oldest_first(
    shared: SharedService, receiver: Receiver
) -> None:
    api, webhook, letters = await failed(shared, receiver, "c-1", "c-2", "c-3")
    receiver.script("/hook", 200)

    async def matched(**order: Any) -> int:
        reply = await api.post("dead_letters/replay", dry_run=True, **order)
        assert reply.status == 200, reply.envelope
        assert reply.data["dry_run"] is True
        return int(reply.data["matched"])

    assert await matched(filter={}) == 3
    assert await matched(filter={}, limit=2) == 2
    assert await matched(filter={"call_id": "c-2"}) == 1
    assert await matched(filter={"hook_id": webhook["id"], "reason": "exhausted"}) == 3
    assert await matched(filter={"reason": "gone"}) == 0
    assert await matched(filter={"hook": "sms"}) == 0
    assert await matched(filter={"created_from": letters[0]["died_at"]}) == 1
    assert await matched(ids=[letters[1]["id"], "no-such-letter"]) == 1
    assert receiver.requests == []
    assert len((await api.get("dead_letters")).data) == 3

    reply = await api.post("dead_letters/replay", filter={}, limit=2)
    assert reply.data["matched"] == 2
    assert (await finished(api, reply.data))["replayed"] == 2
    await receiver.until(lambda: len(receiver.requests) == 2, 10)
    assert {json.loads(r.body)["call_id"] for r in receiver.requests} == {"c-1", "c-2"}
    assert [letter["call_id"] for letter in (await api.get("dead_letters")).data] == ["c-3"]


async def test_letters_that_fail_again_stay_listed(
    shared: SharedService, receiver: Receiver
) -> None:
    api, _, letters = await failed(shared, receiver, "c-1", "c-2")
    reply = await api.post("dead_letters/replay", filter={"reason": "exhausted"})
    replay = await finished(api, reply.data)
    assert replay["replayed"] == 2

    async def died_again() -> bool:
        now = (await api.get("dead_letters")).data
        before = {letter["id"]: letter["died_at"] for letter in letters}
        return {letter["id"] for letter in now} == set(before) and all(
            letter["died_at"] > before[letter["id"]] for letter in now
        )

    await eventually(died_again, what="the second death")
    # Each was replayed once: what dies again within a replay is not revived by it again.
    assert len(receiver.requests) == 2
    listed = (await api.get("dead_letters")).data
    assert all("replayed_at" not in letter for letter in listed)


async def test_a_slow_replay_is_cancelled_midway(shared: SharedService, receiver: Receiver) -> None:
    api, _, _ = await failed(shared, receiver, "c-1", "c-2", "c-3")
    receiver.script("/hook", 200)
    reply = await api.post("dead_letters/replay", filter={}, rate_per_s=1)
    where = f"dead_letters/replays/{reply.data['id']}"
    await receiver.until(lambda: len(receiver.requests) == 1, 10)

    async def noted() -> bool:
        return bool((await api.get(where)).data["replayed"] == 1)

    await eventually(noted, what="the progress")
    cancelled = await api.delete(where)
    assert (cancelled.status, cancelled.data["state"]) == (200, "cancelled")
    assert cancelled.data["ended_at"] is not None
    assert (await api.get(where)).data["state"] == "cancelled"
    again = await api.delete(where)
    assert again.status == 409
    assert (await api.delete("dead_letters/replays/no-such-replay")).status == 404
    # One after the other: when this one is through, nothing is left of the cancelled one.
    nothing = await api.post("dead_letters/replay", filter={"call_id": "none"})
    assert (await finished(api, nothing.data))["replayed"] == 0
    assert [item["call_id"] for item in (await api.get("dead_letters")).data] == ["c-3", "c-2"]
    assert len(receiver.requests) == 1


async def test_a_slow_replay_does_not_hold_up_that_of_another_account(
    shared: SharedService, receiver: Receiver
) -> None:
    slow, _, _ = await failed(shared, receiver, "c-1", "c-2", "c-3")
    order = await slow.post("dead_letters/replay", filter={}, rate_per_s=0.5)
    quick, _, _ = await failed(shared, receiver, "c-4")
    reply = await quick.post("dead_letters/replay", filter={})
    try:
        assert (await finished(quick, reply.data, timeout_s=4))["replayed"] == 1
    finally:
        await slow.delete(f"dead_letters/replays/{order.data['id']}")


async def test_a_replay_wants_either_ids_or_a_filter_that_exists(shared: SharedService) -> None:
    api = await shared.tenant()
    assert problem(await api.post("dead_letters/replay"), "filter")
    both = await api.post("dead_letters/replay", ids=["x"], filter={})
    assert problem(both, "filter")
    unknown = await api.post("dead_letters/replay", filter={"reasn": "gone"})
    assert "additionalProperties" in problem(unknown, "filter.reasn")
    assert "minItems" in problem(await api.post("dead_letters/replay", ids=[]), "ids")


async def test_a_replay_outlives_the_worker_that_ran_it(
    new_shared: StartShared, receiver: Receiver
) -> None:
    async with new_shared() as shared:
        calls = [f"c-{number}" for number in range(5)]
        api, _, letters = await failed(shared, receiver, *calls[:1])
        await shared.call(api.account_id, *calls[1:])
        letters = await letters_of(api, len(calls))
        receiver.script("/hook", 200)
        receiver.requests.clear()
        reply = await api.post("dead_letters/replay", filter={}, rate_per_s=1)
        where = f"dead_letters/replays/{reply.data['id']}"

        async def noted() -> bool:
            return bool((await api.get(where)).data["replayed"] == 2)

        await eventually(noted, what="the progress")
        await shared.service.kill()
        worker = await shared.another_worker()
        survivor = shared.client(api.token, api.account_id, worker)
        replay = await finished(survivor, reply.data, timeout_s=LEASE_S + 25)
        assert replay["replayed"] == len(calls)
        heard = {letter["id"] for letter in letters}
        await receiver.until(lambda: {r.delivery_id for r in receiver.requests} == heard, 10)
        assert (await survivor.get("dead_letters")).data == []
