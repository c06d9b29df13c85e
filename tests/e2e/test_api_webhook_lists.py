"""Lists of webhooks through the API: pages, filters, times."""

import time

import pytest

from service.text.gregorian import GREGORIAN_OFFSET_S
from tests.api_client import problem
from tests.e2e.shared_service import SharedService


@pytest.mark.parametrize("ascending", [False, True])
async def test_paging_shows_every_webhook_exactly_once(
    shared: SharedService, ascending: bool
) -> None:
    api = await shared.tenant()
    made = [(await api.create("http://127.0.0.1:9/"))["id"] for _ in range(7)]
    order = {"ascending": "true"} if ascending else {}
    pages = await api.pages("webhooks", page_size=3, **order)
    assert [len(page) for page in pages] == [3, 3, 1]
    seen = [item["id"] for page in pages for item in page]
    assert seen == sorted(made, reverse=not ascending)
    whole = await api.get("webhooks", paginate="false", page_size=2, **order)
    assert [item["id"] for item in whole.data] == seen
    assert "next_start_key" not in whole.envelope
    exact = await api.get("webhooks", page_size=7, **order)
    assert "next_start_key" not in exact.envelope


async def test_a_list_can_be_filtered(shared: SharedService) -> None:
    api = await shared.tenant()
    plain = (await api.create("http://127.0.0.1:9/", name="plain"))["id"]
    off = (await api.create("http://127.0.0.1:9/", name="off", enabled=False))["id"]
    options = {"hook": "sms", "fallback_uri": "http://127.0.0.1:9/f", "http_verb": "put"}
    other = (await api.create("http://127.0.0.1:9/", name="other", **options))["id"]

    async def found(**query: str) -> set[str]:
        reply = await api.get("webhooks", **query)
        assert reply.status == 200, reply.envelope
        return {item["id"] for item in reply.data}

    assert await found(filter_hook="channel_create") == {plain, off}
    assert await found(filter_enabled="false") == {off}
    assert await found(filter_name="plain") == {plain}
    assert await found(filter_http_verb="put") == {other}
    assert await found(filter_retries="2") == {plain, off, other}
    assert await found(filter_not_hook="channel_create") == {other}
    assert await found(filter_hook="channel_create", filter_not_enabled="false") == {plain}
    assert await found(has_key="fallback_uri") == {other}
    assert await found(key_missing="fallback_uri") == {plain, off}
    assert await found(has_value="fallback_uri") == {other}
    assert await found(value_missing="fallback_uri") == {plain, off}
    unknown = await api.get("webhooks", filter_no_such_member="x")
    assert "filter_name" in problem(unknown, "filter_no_such_member")["enum"]["target"]
    unknown = await api.get("webhooks", filter_hook="dream")
    assert "channel_create" in problem(unknown, "filter_hook")["enum"]["target"]


async def test_a_list_can_be_limited_to_a_time_in_gregorian_seconds(shared: SharedService) -> None:
    api = await shared.tenant()
    webhooks = [await api.create("http://127.0.0.1:9/") for _ in range(3)]
    unix = [1_700_000_000, 1_700_000_100, 1_700_000_200]
    for webhook, at in zip(webhooks, unix, strict=True):
        created = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at))
        change = [{"$set": {"created_at": {"$dateFromString": {"dateString": created}}}}]
        await shared.database["webhooks"].update_one({"_id": webhook["id"]}, change)
    ids = [webhook["id"] for webhook in webhooks]
    early, middle, late = (at + GREGORIAN_OFFSET_S for at in unix)

    async def found(**query: int) -> list[str]:
        reply = await api.get("webhooks", **query)
        assert reply.status == 200, reply.envelope
        return [webhook_id for webhook_id in ids if webhook_id in {i["id"] for i in reply.data}]

    assert await found(created_from=middle) == ids[1:]
    assert await found(created_to=middle) == ids[:2]
    assert await found(created_from=early + 1, created_to=late - 1) == ids[1:2]
    assert await found(modified_from=late) == ids
    reply = await api.get("webhooks", created_from=late, created_to=early)
    assert "date_range" in problem(reply, "created_from")


async def test_a_webhook_is_listed_by_the_gregorian_second_it_was_made_in(
    shared: SharedService,
) -> None:
    api = await shared.tenant()
    webhook = await api.create("http://127.0.0.1:9/")
    change = [
        {"$set": {"created_at": {"$dateFromString": {"dateString": "2024-01-01T00:00:00.500"}}}}
    ]
    await shared.database["webhooks"].update_one({"_id": webhook["id"]}, change)
    # Crossbar knows whole seconds only, so this one must lie within its own.
    second = 1_704_067_200 + GREGORIAN_OFFSET_S
    reply = await api.get("webhooks", created_from=second, created_to=second)
    assert [item["id"] for item in reply.data] == [webhook["id"]]
