"""The audit log by API and console."""

from base64 import b64encode
from html import unescape
from typing import Any

from service.dev.receiver import Receiver
from service.domain.disable import GONE
from service.management.token import token_id_in
from tests.api_client import Client, check_error, make_token, problem
from tests.e2e.browser import Browser, of, signed_in
from tests.e2e.harness import eventually
from tests.e2e.shared_service import SharedService, attempts_of
from tests.e2e.test_command import switchhook

FIRST, SECOND = [f"whsec_{b64encode(bytes([n]) * 32).decode()}" for n in (1, 2)]


async def test_every_change_of_an_account_is_in_its_audit_log_without_secrets(
    shared: SharedService, tenant: Client, receiver: Receiver
) -> None:
    receiver.script("/a", 200, 500)
    webhook = await tenant.create(
        receiver.url("/a"), retries=0, secret=FIRST, headers={"X-Key": "hush-2"}
    )
    where = f"webhooks/{webhook['id']}"
    await shared.call(tenant.account_id, "good")
    (attempt,) = await attempts_of(tenant, 1)
    await shared.call(tenant.account_id, "bad")

    async def dead() -> Any:
        return (await tenant.get("dead_letters")).data

    (letter,) = await eventually(dead)
    await tenant.patch(where, name="crm 2", headers={"X-Key": "hush-3"})
    await tenant.patch(where, enabled=False)
    await tenant.patch(where, enabled=True)
    await tenant.post(f"{where}/secret/rotate", overlap_s=60, secret=SECOND)
    await tenant.post(f"{where}/attempts/{attempt['id']}/replay")
    replay = (await tenant.post("dead_letters/replay", ids=[letter["id"]])).data
    await tenant.post("dead_letters/discard", filter={"reason": "exhausted"})
    await tenant.post("portal", read_only=True)
    await tenant.delete(where)

    reply = await tenant.get("audit", page_size=50)
    assert reply.status == 200, reply.envelope
    told = [(entry["action"], entry["subject_id"]) for entry in reversed(reply.data)]
    link_id = next(one["subject_id"] for one in reply.data if one["action"].startswith("portal"))
    assert told == [
        ("webhook_created", webhook["id"]),
        ("webhook_changed", webhook["id"]),
        ("webhook_disabled", webhook["id"]),
        ("webhook_enabled", webhook["id"]),
        ("secret_rotated", webhook["id"]),
        ("delivery_replayed", attempt["delivery_id"]),
        ("replay_started", replay["id"]),
        ("dead_letters_discarded", None),
        ("portal_link_created", link_id),
        ("webhook_deleted", webhook["id"]),
    ]
    assert {entry["by"] for entry in reply.data} == {f"token:{token_id_in(tenant.token or '')}"}
    assert {entry["account_id"] for entry in reply.data} == {tenant.account_id}
    changed = next(entry for entry in reply.data if entry["action"] == "webhook_changed")
    assert changed["details"]["changes"]["name"] == {"old": "crm", "new": "crm 2"}
    for secret in ("hush", FIRST, SECOND):
        assert secret not in repr(reply.envelope)

    pages = await tenant.pages("audit", page_size=4)
    assert [len(page) for page in pages] == [4, 4, 2]
    assert [entry for page in pages for entry in page] == reply.data
    (only,) = (await tenant.get("audit", filter_action="secret_rotated")).data
    assert only["action"] == "secret_rotated"
    assert (await tenant.get("audit", filter_subject_id="nothing")).data == []
    assert problem(await tenant.get("audit", filter_action="nonsense"), "filter_action")
    assert problem(await tenant.get("audit", start_key="nonsense"), "start_key")


async def test_what_the_service_disables_by_itself_is_in_the_log(
    shared: SharedService, tenant: Client, receiver: Receiver
) -> None:
    receiver.script("/gone", 410)
    webhook = await tenant.create(receiver.url("/gone"), retries=0)
    await shared.call(tenant.account_id, "c-1")

    async def disabled() -> Any:
        return (await tenant.get("audit", filter_action="webhook_disabled")).data

    (entry,) = await eventually(disabled)
    assert (entry["by"], entry["subject_id"]) == ("switchhook", webhook["id"])
    assert entry["details"] == {"reason": GONE}


async def test_an_account_sees_no_other_and_the_whole_log_is_for_operators(
    shared: SharedService, tenant: Client, browser: Browser
) -> None:
    other = await shared.tenant()
    webhook = await other.create("http://127.0.0.1:9/a")
    check_error(await tenant.get(f"/v2/accounts/{other.account_id}/audit"), 403, "forbidden")
    check_error(await tenant.get("/v2/audit"), 403, "forbidden")
    assert (await tenant.get("audit")).data == []
    token = await make_token(shared.database, None, name="On call", read_only=True)
    operator = shared.client(token, other.account_id, shared.service)
    (entry,) = (await operator.get("/v2/audit", filter_subject_id=webhook["id"])).data
    assert entry["account_id"] == other.account_id
    await signed_in(browser, token)
    found = (await operator.get("/v2/audit", filter_by=f"token:{token_id_in(token)}")).data
    assert [(one["action"], one["by_label"]) for one in found] == [("signed_in", "On call")]
    page = await browser.page(f"/console/audit?subject_id={webhook['id']}")
    assert other.account_id in page
    assert webhook["id"] in page
    await signed_in(browser, tenant.token)
    await browser.page("/console/audit", 404)
    await browser.page(of(other, "audit"), 404)
    assert "signed in" in unescape(await browser.page(of(tenant, "audit")))


async def test_tokens_made_by_a_command_are_in_the_log(
    shared: SharedService, tenant: Client
) -> None:
    _, text = await switchhook(
        "token", "create", "--account", tenant.account_id, "--name", "CRM", env=shared.settings
    )
    token = text.strip().splitlines()[-1]
    code, _ = await switchhook("token", "revoke", str(token_id_in(token)), env=shared.settings)
    assert code == 0
    found = (await tenant.get("audit")).data
    assert [(one["action"], one["by"], one["details"].get("name")) for one in found] == [
        ("token_revoked", "operator", "CRM"),
        ("token_created", "operator", "CRM"),
    ]
    assert token not in repr(found)
