"""The audit log: what an entry says, and what happens while the store is away."""

from datetime import UTC, datetime, timedelta
from typing import Any

from structlog.testing import capture_logs

from service.domain.principal import Principal
from service.management.audit import OPERATOR, Action, Audit, entry_key, entry_view
from service.management.selection import Selection
from service.management.tokens import Tokens
from tests.unit.management.audit_parts import Entries
from tests.unit.management.test_sessions import Setting
from tests.unit.management.test_sessions import Tokens as Kept

AT = datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)
ALICE = Principal("token:1", "a", label="Alice", session_id="s-1")


async def noted(by: Principal, account_id: str | None = "a") -> dict[str, Any]:
    entries = Entries()
    await Audit(entries, lambda: AT).note(by, Action.SIGNED_IN, account_id, "s-1", count=3)
    return dict(entries.written[0])


async def test_an_entry_says_who_did_what_and_when() -> None:
    view = entry_view(await noted(ALICE), "a")
    assert view.pop("id")
    assert view == {
        "at": "2026-01-02T03:04:05.678+00:00",
        "action": "signed_in",
        "by": "token:1",
        "by_label": "Alice",
        "session_id": "s-1",
        "account_id": "a",
        "subject_id": "s-1",
        "details": {"count": 3},
    }


async def test_the_name_of_an_operators_token_is_shown_to_operators_alone() -> None:
    entry = await noted(Principal("token:2", label="On call"))
    assert entry_view(entry, "a")["by_label"] is None
    assert entry_view(entry, None)["by_label"] == "On call"


async def test_a_page_goes_on_after_the_key_of_its_last_entry() -> None:
    view, entries = entry_view(await noted(ALICE), "a"), Entries()
    await Audit(entries).page(Selection("a"), entry_key(view), 10)
    assert entries.asked == [(Selection("a"), (AT, view["id"]))]


async def test_an_entry_that_the_store_does_not_take_is_logged_and_fails_nothing() -> None:
    with capture_logs() as logs:
        await Audit(Entries(away=True)).note(ALICE, Action.WEBHOOK_DELETED, "a", "w-1")
    (line,) = logs
    assert (line["log_level"], line["event"]) == ("error", "audit.not_written")
    assert (line["action"], line["by"], line["subject_id"]) == ("webhook_deleted", "token:1", "w-1")


async def test_tokens_made_and_revoked_are_noted_without_their_secret() -> None:
    entries, kept = Entries(), Kept()
    tokens = Tokens(kept, Audit(entries))
    rights: dict[str, Any] = {"name": "CRM", "descendants": False, "read_only": True}
    text = await tokens.create(OPERATOR, "a", **rights, lifetime=timedelta(days=1))
    token_id = next(iter(kept.kept))
    assert await tokens.revoke(OPERATOR, token_id)
    assert not await tokens.revoke(OPERATOR, "unknown")
    assert entries.told() == [
        ("token_created", "operator", "a", token_id),
        ("token_revoked", "operator", "a", token_id),
    ]
    assert entries.written[0]["details"] == rights
    assert text not in repr(entries.written)
    assert text.split("_", 2)[2] not in repr(entries.written)


async def test_signing_in_and_portal_links_are_noted_with_their_session() -> None:
    setting = Setting()
    token = await setting.token()
    session = await setting.sessions.resume(await setting.sessions.sign_in(token))
    link = await setting.sessions.link(session.principal, "a", read_only=True)
    made, _ = await setting.sessions.follow(link.text)
    portal = await setting.sessions.resume(made)
    by = session.principal.name
    link_id = portal.principal.name.removeprefix("portal:")
    assert setting.entries.told() == [
        ("signed_in", by, "a", session.token_id),
        ("portal_link_created", by, "a", link_id),
        ("portal_opened", f"portal:{link_id}", "a", portal.token_id),
    ]
    sessions = [entry["session_id"] for entry in setting.entries.written]
    assert sessions == [session.token_id, session.token_id, portal.token_id]
    assert link.text.split("_", 2)[2] not in repr(setting.entries.written)
