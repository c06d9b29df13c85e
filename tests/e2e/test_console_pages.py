"""The pages of the console over HTTP: what a person does there, and hostile text in all of them."""

import re
from datetime import UTC, datetime
from html import unescape
from typing import Any

from yarl import URL

from service.dev.receiver import Receiver, ScriptedAnswer
from tests.api_client import Client, make_token
from tests.e2e.browser import HOSTILE, Browser, of, signed_in
from tests.e2e.harness import eventually
from tests.e2e.shared_service import SharedService, attempts_of


async def test_what_accounts_and_receivers_write_is_shown_as_text(
    shared: SharedService, browser: Browser, tenant: Client, receiver: Receiver
) -> None:
    answer = ScriptedAnswer(500, 0.0, {"X-Answer": "<script>alert(3)</script>"}, HOSTILE.encode())
    receiver.script("/bad", answer)
    webhook = await tenant.create(
        receiver.url("/bad"),
        name=HOSTILE,
        retries=0,
        custom_data={HOSTILE: HOSTILE},
        headers={"X-Mine": HOSTILE},
    )
    await tenant.patch(f"webhooks/{webhook['id']}", name=f"{HOSTILE} again")
    await shared.call(tenant.account_id, HOSTILE)
    (attempt,) = await attempts_of(tenant, 1)

    async def dead() -> Any:
        return (await tenant.get("dead_letters")).data

    (letter,) = await eventually(dead)
    odd = {"modifiers": {HOSTILE: [HOSTILE]}, "disable_reason": HOSTILE, "enabled": False}
    await shared.database["webhooks"].update_one({"_id": webhook["id"]}, {"$set": odd})
    await signed_in(browser, tenant.token)
    call = str(URL.build(query={"call_id": HOSTILE}))
    one = f"webhooks/{webhook['id']}"
    for path in ("webhooks", one, f"{one}/edit", f"{one}/test", f"{one}/secret", f"{one}/delete",
                 f"{one}/attempts/{attempt['id']}", "attempts", "dead-letters",
                 f"dead-letters/{letter['id']}", f"calls{call}", f"attempts{call}",
                 f"dead-letters{call}"):  # fmt: skip
        assert HOSTILE[:20] in unescape(await browser.page(of(tenant, path))), path
    page = await browser.page(of(tenant, f"{one}/attempts/{attempt['id']}"))
    assert "<script>alert(3)</script>" in unescape(page)
    live = await first_row(browser, of(tenant, f"{one}/live"))
    assert "<script>" not in live
    assert "&lt;script&gt;" in live


async def test_what_another_tool_or_a_receiver_wrote_breaks_no_page(
    shared: SharedService, browser: Browser, tenant: Client, receiver: Receiver
) -> None:
    bodies = (b"[" * 5000, b'{"a":' * 300 + b"1" + b"}" * 300, b"\xff\xfe\x00", b"1e999", b"9" * 99)
    webhook = await tenant.create(receiver.url("/odd"), retries=0)
    for number, body in enumerate(bodies):
        receiver.script("/odd", ScriptedAnswer(500, 0.0, {}, body))
        await shared.call(tenant.account_id, f"c-{number}")
        await attempts_of(tenant, number + 1)
    odd: tuple[dict[str, Any], ...] = (
        {},
        {"uri": 5, "hook": None, "custom_data": "x", "modifiers": [1], "headers": 5, "auth": "x"},
        {"event_types": [], "retries": "x", "http_verb": {}, "name": {"a": 1}, "history": "x"},
        {"uri": "http://a/", "hook": "all", "custom_data": {"a": {"b": datetime.now(UTC)}}},
        {"uri": "http://a/", "hook": "of_another_switch"},
    )
    own = {"account_id": tenant.account_id}
    await shared.database["webhooks"].insert_many(
        {"_id": f"{number}-{webhook['id']}", **own, **members} for number, members in enumerate(odd)
    )
    await signed_in(browser, tenant.token)
    await browser.page(of(tenant, "webhooks"))
    for attempt in (await tenant.get("webhooks/attempts")).data:
        await browser.page(of(tenant, f"webhooks/{webhook['id']}/attempts/{attempt['id']}"))
    for number in range(len(odd)):
        for path in ("", "/edit", "/test", "/match", "/secret", "/delete"):
            page = await browser.page(of(tenant, f"webhooks/{number}-{webhook['id']}{path}"))
            if (number, path) == (len(odd) - 1, "/edit"):
                # Saving the form must not subscribe the webhook to another event.
                assert '<option value="of_another_switch" selected>' in page


async def test_the_events_page_says_which_requests_of_a_profile_never_come(
    browser: Browser, tenant: Client
) -> None:
    await signed_in(browser, tenant.token)
    page = unescape(await browser.page(of(tenant, "hooks")))
    assert "kazoo: never comes. Kazoo's exchange im has no status of a sent message." in page
    assert "kazoo: sms, mms" in page
    assert "never comes" not in await browser.page(of(tenant, "hooks?q=sms"))


async def first_row(browser: Browser, path: str) -> str:
    headers = {"Cookie": f"switchhook_session={browser.cookies['switchhook_session']}"}
    async with browser.session.get(f"{browser.url}{path}", headers=headers) as response:
        assert response.content_type == "text/event-stream"
        while True:
            line = (await response.content.readline()).decode()
            if line.startswith("data: "):
                return line


async def test_a_person_creates_tries_edits_and_deletes_a_webhook(
    browser: Browser, tenant: Client, receiver: Receiver
) -> None:
    await signed_in(browser, tenant.token)
    assert "No webhook yet" in await browser.page(of(tenant, "webhooks"))
    await browser.page(of(tenant, "webhooks/new"))
    fields = {
        "name": "crm", "uri": receiver.url("/crm"), "hook": "channel_create", "http_verb": "post",
        "format": "json", "retries": "9", "timeout_s": "", "enabled": "true",
    }  # fmt: skip
    wrong = await browser.send(of(tenant, "webhooks/new"), **fields)
    text = await wrong.text()
    assert wrong.status == 400
    assert re.search(r'id="retries-problem"[^>]*>Value must be at most 5', text)
    made = await browser.send(of(tenant, "webhooks/new"), **{**fields, "retries": "1"})
    text = unescape(await made.text())
    assert made.status == 200, text
    (webhook,) = (await tenant.get("webhooks")).data
    one = of(tenant, f"webhooks/{webhook['id']}")
    (secret,) = set(re.findall(r"whsec_[A-Za-z0-9+/=]+", text)) - {"whsec_"}

    await browser.page(f"{one}/test")
    tested = await browser.send(f"{one}/test", hook="channel_create")
    assert "Your receiver accepted the test" in await tested.text()
    assert receiver.requests[0].headers["X-Switchhook-Test"]

    await browser.page(f"{one}/edit")
    changed = await browser.send(f"{one}/edit", **{**fields, "name": "crm 2", "retries": "1"})
    assert changed.status == 303
    stored = (await tenant.get(f"webhooks/{webhook['id']}")).data
    assert stored["name"] == "crm 2"
    assert stored["_read_only"]["history"][-1]["members"] == ["name"]

    await browser.page(f"{one}/secret")
    rotated = unescape(await (await browser.send(f"{one}/secret", overlap_s="3600")).text())
    assert secret not in rotated
    assert "1 hour" in rotated
    assert (await browser.send(f"{one}/switch", enabled="false")).status == 303
    assert "This webhook is disabled" in await browser.page(one)
    await browser.page(f"{one}/delete")
    assert (await browser.send(f"{one}/delete")).status == 303
    assert (await tenant.get("webhooks")).data == []


async def test_a_person_is_told_why_a_webhook_would_not_get_an_event(
    browser: Browser, tenant: Client, receiver: Receiver
) -> None:
    hook = {"hook": "channel_destroy", "modifiers": {"hangup_cause": "USER_BUSY"}}
    webhook = await tenant.create(receiver.url("/a"), **hook)
    await signed_in(browser, tenant.token)
    page = of(tenant, f"webhooks/{webhook['id']}/match")

    async def told(event: str, name: str = "channel_destroy") -> str:
        query = URL.build(query={"hook": name, "event": event})
        return unescape(await browser.page(f"{page}{query}"))

    assert "it would be sent" in await told('{"Hangup-Cause": "USER_BUSY"}')
    assert "it would not be sent" in await told('{"Hangup-Cause": "NORMAL_CLEARING"}')
    assert "modifiers.hangup_cause" in await told("")
    other = await told("", "channel_create")
    assert "channel_create: " in other
    assert "the event's hook is channel_create" in other
    for wrong in ("[1]", "{", "<script>alert(1)</script>", "[" * 2000):
        assert 'id="event-problem"' in await told(wrong)
    assert 'id="hook-problem"' in await told("", "nonsense")
    await browser.page(of(tenant, f"webhooks/{webhook['id']}0/match"), 404)


async def test_dead_letters_are_counted_before_they_are_replayed_or_discarded(
    shared: SharedService, browser: Browser, tenant: Client, receiver: Receiver
) -> None:
    receiver.script("/flaky", 500, 500, 500, 200)
    await tenant.create(receiver.url("/flaky"), retries=0)
    await shared.call(tenant.account_id, "one", "two", "three")

    async def dead() -> Any:
        found = (await tenant.get("dead_letters")).data
        return found if len(found) == 3 else None

    letters = await eventually(dead)
    await signed_in(browser, tenant.token)
    await browser.page(of(tenant, "dead-letters"))
    page = of(tenant, "dead-letters")
    nothing = await browser.send(page, action="replay", scope="picked")
    assert nothing.status == 400
    sure = await browser.send(page, action="discard", scope="picked", id=letters[0]["id"])
    assert "Discard 1 dead letter?" in await sure.text()
    assert len((await tenant.get("dead_letters")).data) == 3
    order = {"action": "discard", "scope": "picked", "id": letters[0]["id"]}
    assert (await browser.send(f"{page}/do", **order)).status == 303
    assert len((await tenant.get("dead_letters")).data) == 2
    sure = await browser.send(page, action="replay", scope="all", reason="exhausted")
    assert "Replay 2 dead letters?" in await sure.text()
    order = {"action": "replay", "scope": "all", "reason": "exhausted", "rate_per_s": "1000"}
    started = await browser.send(f"{page}/do", **order)
    assert started.headers["Location"] == of(tenant, "replays?done=started")

    async def replayed() -> bool:
        return "2 of 2" in await browser.page(of(tenant, "replays"))

    await eventually(replayed)
    await receiver.until(lambda: len(receiver.requests) == 5, 10)


async def test_an_operator_finds_everything_and_no_secret_of_the_settings(
    shared: SharedService, browser: Browser, tenant: Client, receiver: Receiver
) -> None:
    webhook = await tenant.create(receiver.url("/a"))
    await shared.call(tenant.account_id, "find-me")
    (attempt,) = await attempts_of(tenant, 1)
    await signed_in(browser, await make_token(shared.database, None))
    assert "All is well" in await browser.page("/console/overview")
    assert tenant.account_id in await browser.page("/console/by-account")
    assert receiver.url("").removesuffix("/") in await browser.page("/console/by-endpoint?span=7d")
    for text in (webhook["id"], attempt["id"], attempt["delivery_id"], "find-me",
                 receiver.url("/a")):  # fmt: skip
        found = await browser.page(f"/console/search{URL.build(query={'q': text})}")
        assert tenant.account_id in found, text
    query = {"q": attempt["delivery_id"], "to": "2026-01-01T00:00"}
    assert "Nothing found" in await browser.page(f"/console/search{URL.build(query=query)}")
    refused = await browser.page(f"/console/search{URL.build(query=query | {'to': 'noon'})}")
    assert re.search(r'id="to-problem"[^>]*>must be a time', refused)
    settings = await browser.page("/console/settings")
    assert "SWITCHHOOK_MONGO__DATABASE" in settings
    assert shared.settings["SWITCHHOOK_AMQP__URL"] not in settings
    assert shared.settings["SWITCHHOOK_MONGO__URL"] not in settings
