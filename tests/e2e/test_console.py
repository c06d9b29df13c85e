"""The console over HTTP: who gets in, what a form needs, and that it shows hostile text as text."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import aiohttp
import pytest
from yarl import URL

from service.dev.receiver import Receiver, ScriptedAnswer
from service.management.token import TokenKind, new_token, token_id_in
from tests.api_client import Client, make_token
from tests.e2e.harness import eventually
from tests.e2e.shared_service import SharedService, attempts_of, new_account

HOSTILE = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>"
CSRF = re.compile(r'name="csrf" value="([^"]*)"')
FORM = "application/x-www-form-urlencoded"
SCRIPTED = re.compile(r"<script(?! type=\"module\" src=\"/console/static/)|<img src=x")


@dataclass
class Browser:
    """Asks as a browser does, with its cookies; redirects are followed where a page wants them."""

    session: aiohttp.ClientSession
    url: str
    cookies: dict[str, str] = field(default_factory=dict)
    csrf: str = ""

    async def ask(self, method: str, path: str, **more: Any) -> aiohttp.ClientResponse:
        headers = {"Cookie": "; ".join(f"{k}={v}" for k, v in self.cookies.items())}
        headers |= more.pop("headers", {})
        to = URL(f"{self.url}{path}", encoded=True)
        async with self.session.request(
            method, to, headers=headers, allow_redirects=False, **more
        ) as response:
            await response.read()
        for line in response.headers.getall("Set-Cookie", []):
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies[name] = value
        return response

    async def page(self, path: str, status: int = 200) -> str:
        response = await self.ask("GET", path)
        text = await response.text()
        assert response.status == status, (path, response.status, text[-2000:])
        found = CSRF.search(text)
        self.csrf = found[1] if found else self.csrf
        assert not SCRIPTED.search(text), SCRIPTED.search(text)
        return text

    async def send(self, path: str, **fields: str) -> aiohttp.ClientResponse:
        return await self.ask("POST", path, data={"csrf": self.csrf, **fields})

    async def sign_in(self, token: str) -> aiohttp.ClientResponse:
        await self.page("/console/sign-in")
        return await self.send("/console/sign-in", token=token, next="")


@pytest.fixture
async def browser(shared: SharedService) -> Browser:
    return Browser(aiohttp.ClientSession(), shared.url)


@pytest.fixture(autouse=True)
async def closed(browser: Browser) -> Any:
    yield
    await browser.session.close()


@pytest.fixture
async def tenant(shared: SharedService) -> Client:
    return await shared.tenant()


async def signed_in(browser: Browser, token: str | None) -> Browser:
    response = await browser.sign_in(token or "")
    assert (response.status, response.headers["Location"]) == (303, "/console/")
    return browser


def of(client: Client, path: str) -> str:
    return f"/console/accounts/{client.account_id}/{path}"


async def test_a_stranger_is_asked_for_a_token_and_led_back(
    browser: Browser, tenant: Client
) -> None:
    wanted = of(tenant, "webhooks?q=crm")
    response = await browser.ask("GET", wanted)
    assert response.status == 303
    form = await browser.page(response.headers["Location"])
    assert f'name="next" value="{wanted}"' in unescape(form)
    response = await browser.send("/console/sign-in", token=tenant.token or "", next=wanted)
    assert (response.status, response.headers["Location"]) == (303, wanted)
    await browser.page(wanted)


@pytest.mark.parametrize(
    "token", ["", "swh_0a1b2c3d4e5f_guess", "caf\N{LATIN SMALL LETTER E WITH ACUTE}"]
)
async def test_a_wrong_token_opens_nothing(browser: Browser, token: str) -> None:
    response = await browser.sign_in(token)
    assert response.status == 401
    assert "unknown, revoked or expired" in await response.text()
    assert "switchhook_session" not in browser.cookies


async def test_a_page_allows_no_script_but_its_own_and_no_frame(
    browser: Browser, tenant: Client
) -> None:
    await signed_in(browser, tenant.token)
    response = await browser.ask("GET", of(tenant, "webhooks"))
    policy = response.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert response.headers["Cache-Control"] == "no-store"
    response = await browser.sign_in(tenant.token or "")
    (line,) = response.headers.getall("Set-Cookie")
    assert "HttpOnly; SameSite=Strict" in line
    assert (tenant.token or "") not in line


async def test_a_session_ends_with_its_token_and_by_signing_out(
    shared: SharedService, browser: Browser, tenant: Client
) -> None:
    page = of(tenant, "webhooks")
    await signed_in(browser, tenant.token)
    await browser.page(page)
    other = Browser(browser.session, browser.url)
    await signed_in(other, tenant.token)
    await other.page(page)
    before = dict(other.cookies)
    assert (await other.send("/console/sign-out")).status == 303
    other.cookies = before
    assert (await other.ask("GET", page)).status == 303
    await browser.page(page)
    one = {"_id": token_id_in(tenant.token or "")}
    await shared.database["tokens"].update_one(one, {"$set": {"revoked_at": datetime.now(UTC)}})
    assert (await browser.ask("GET", page)).status == 303


async def test_a_session_is_not_accepted_by_the_api(browser: Browser, tenant: Client) -> None:
    await signed_in(browser, tenant.token)
    headers = {"X-Auth-Token": browser.cookies["switchhook_session"]}
    path = f"/v2/accounts/{tenant.account_id}/webhooks"
    assert (await browser.ask("GET", path, headers=headers)).status == 401


async def test_a_form_without_the_secret_of_its_session_does_nothing(
    browser: Browser, tenant: Client, receiver: Receiver
) -> None:
    webhook = await tenant.create(receiver.url("/a"))
    await signed_in(browser, tenant.token)
    await browser.page(of(tenant, f"webhooks/{webhook['id']}"))
    real = browser.csrf
    for csrf in ("", "0" * 64, "\N{SNOWMAN}"):
        browser.csrf = csrf
        for path in ("switch", "test", "secret", "delete", "edit"):
            response = await browser.send(of(tenant, f"webhooks/{webhook['id']}/{path}"))
            assert response.status == 403
    for path in ("dead-letters", "dead-letters/do", "webhooks/new", "webhooks/enable"):
        assert (await browser.send(of(tenant, path), action="discard")).status == 403
    browser.csrf = real
    for body in ('{"csrf": 1}', b"\xff\xfe", "a=1&" * 3000):
        kind = {"Content-Type": FORM if body != '{"csrf": 1}' else "application/json"}
        path = of(tenant, f"webhooks/{webhook['id']}/delete")
        response = await browser.ask("POST", path, data=body, headers=kind)
        assert response.status == 400
    assert (await tenant.get(f"webhooks/{webhook['id']}")).data["enabled"]
    assert receiver.requests == []


async def test_nothing_of_another_account_is_there(
    shared: SharedService, browser: Browser, tenant: Client, receiver: Receiver
) -> None:
    other = await shared.tenant()
    webhook = await other.create(receiver.url("/a"))
    await shared.call(other.account_id, "one")
    (attempt,) = await attempts_of(other, 1)
    await signed_in(browser, tenant.token)
    await browser.page(of(tenant, "webhooks"))
    theirs = f"webhooks/{webhook['id']}"
    for client in (other, tenant):
        for path in (theirs, f"{theirs}/edit", f"{theirs}/test", f"{theirs}/secret",
                     f"{theirs}/live", f"{theirs}/attempts/{attempt['id']}", f"{theirs}/delete",
                     f"dead-letters/{attempt['delivery_id']}"):  # fmt: skip
            await browser.page(of(client, path), 404)
        for path in (f"{theirs}/switch", f"{theirs}/edit", f"{theirs}/test", f"{theirs}/secret",
                     f"{theirs}/delete", f"{theirs}/attempts/{attempt['id']}/replay"):  # fmt: skip
            assert (await browser.send(of(client, path))).status == 404
    for path in ("webhooks", "attempts", "dead-letters", "replays", "calls?call_id=one"):
        await browser.page(of(other, path), 404)
    for path in ("overview", "by-account", "by-endpoint", "search?q=one", "settings"):
        await browser.page(f"/console/{path}", 404)
    assert (await other.get(f"webhooks/{webhook['id']}")).data["enabled"]
    assert len(receiver.requests) == 1


async def test_a_reader_can_look_and_change_nothing(
    shared: SharedService, browser: Browser, tenant: Client, receiver: Receiver
) -> None:
    webhook = await tenant.create(receiver.url("/a"))
    token = await make_token(shared.database, tenant.account_id, read_only=True)
    await signed_in(browser, token)
    page = await browser.page(of(tenant, f"webhooks/{webhook['id']}"))
    assert "Delete this webhook" not in page
    for path in ("webhooks", "dead-letters", "attempts", "replays", "hooks"):
        await browser.page(of(tenant, path))
    for path in ("switch", "test", "secret", "delete"):
        response = await browser.send(of(tenant, f"webhooks/{webhook['id']}/{path}"))
        assert response.status == 403


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
            await browser.page(of(tenant, f"webhooks/{number}-{webhook['id']}{path}"))


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
    assert "the event's hook is channel_create" in await told("", "channel_create")
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
    assert len(receiver.requests) == 5


async def test_a_portal_link_opens_one_account_for_a_while(
    shared: SharedService, browser: Browser, tenant: Client
) -> None:
    operator = await make_token(shared.database, None)
    api = shared.client(operator, tenant.account_id, shared.service)
    reply = await api.post("portal", read_only=True)
    assert reply.status == 201
    path = URL(reply.data["url"]).raw_path
    response = await browser.ask("GET", path)
    assert response.status == 200
    assert f'url={of(tenant, "webhooks")}"' in await response.text()
    page = await browser.page(of(tenant, "webhooks"))
    assert "read only" in page
    await browser.page(f"/console/accounts/{new_account()}/webhooks", 404)
    await browser.page("/console/overview", 404)
    assert (
        await api.ask("GET", "webhooks", headers={"X-Auth-Token": path.rpartition("/")[2]})
    ).status == 401
    one = {"_id": token_id_in(operator)}
    await shared.database["tokens"].update_one(one, {"$set": {"revoked_at": datetime.now(UTC)}})
    assert (await browser.ask("GET", of(tenant, "webhooks"))).status == 303


async def test_a_link_that_has_expired_says_so(shared: SharedService, browser: Browser) -> None:
    early = datetime.now(UTC) - timedelta(minutes=11)
    text, kept = new_token(
        new_account(), early, lifetime=timedelta(minutes=10), kind=TokenKind.PORTAL_LINK
    )
    await shared.database["tokens"].insert_one({"_id": kept.token_id, **document(kept)})
    for link in (text, "nonsense", "%ff"):
        assert "has expired" in await browser.page(f"/console/portal/{link}", 403)


def document(token: Any) -> dict[str, Any]:
    return {name: getattr(token, name) for name in token.__slots__}


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
    settings = await browser.page("/console/settings")
    assert "SWITCHHOOK_MONGO__DATABASE" in settings
    assert shared.settings["SWITCHHOOK_AMQP__URL"] not in settings
    assert shared.settings["SWITCHHOOK_MONGO__URL"] not in settings


async def test_the_root_leads_a_browser_on_and_tells_a_program_where_the_api_is(
    browser: Browser,
) -> None:
    response = await browser.ask("GET", "/", headers={"Accept": "text/html,*/*"})
    assert (response.status, response.headers["Location"]) == (303, "/console/")
    response = await browser.ask("GET", "/console")
    assert (response.status, response.headers["Location"]) == (303, "/console/")
    response = await browser.ask("GET", "/")
    assert (await response.json())["data"]["api"] == "/v2"
    docs = await browser.page("/v2/docs")
    assert "createWebhook" in docs
    await browser.page("/console/nonsense", 404)
    assert (await browser.ask("GET", "/console/static/../../settings/model.py")).status == 404


async def test_a_browser_that_came_from_elsewhere_asks_again_with_its_cookie(
    browser: Browser, tenant: Client
) -> None:
    elsewhere = {"Sec-Fetch-Site": "cross-site"}
    response = await browser.ask("GET", of(tenant, "webhooks"), headers=elsewhere)
    assert response.status == 200
    assert f'content="0; url={of(tenant, "webhooks")}"' in await response.text()
