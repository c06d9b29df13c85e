"""The console over HTTP: who gets in and how, and what a form needs."""

from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest
from yarl import URL

from service.dev.receiver import Receiver
from service.management.token import TokenKind, new_token, token_id_in
from tests.api_client import Client, make_token
from tests.e2e.browser import Browser, of, signed_in
from tests.e2e.shared_service import SharedService, attempts_of, new_account
from tests.forking.client import switchhook

FORM = "application/x-www-form-urlencoded"


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


async def test_the_command_makes_a_link_as_well(
    shared: SharedService, browser: Browser, tenant: Client
) -> None:
    env = {**shared.settings, "SWITCHHOOK_CONSOLE__URL": "https://hooks.example.net/"}
    code, text = await switchhook("portal", "--account", tenant.account_id, "--read-only", env=env)
    beginning, slash, link = text.splitlines()[0].rpartition("/")
    assert (code, beginning) == (0, "https://hooks.example.net/console/portal"), text
    await browser.page(f"/console/portal{slash}{link}")
    assert "read only" in await browser.page(of(tenant, "webhooks"))


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
