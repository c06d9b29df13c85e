"""Every page: no serious fault for axe-core, in light and dark, at a desk and on a phone."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import ViewportSize
from yarl import URL

from tests.api_client import Client
from tests.browser.people import TOO_WIDE, People, Person, Stage
from tests.e2e.harness import eventually
from tests.e2e.shared_service import attempts_of

DESKTOP, PHONE = ViewportSize(width=1280, height=900), ViewportSize(width=390, height=844)
LOOKS: Mapping[str, Any] = {
    "light": {"color_scheme": "light", "viewport": DESKTOP},
    "dark": {"color_scheme": "dark", "viewport": DESKTOP},
    "phone": {"color_scheme": "light", "viewport": PHONE},
    "phone-dark": {"color_scheme": "dark", "viewport": PHONE},
}
COLOURFUL = ("webhooks", "webhook", "attempt-failed", "delete", "overview", "settings")
"""Pages that have every pair of text and ground between them."""
LONGEST = "w" * 60
HOSTILE = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>"
CALL = f"call-{HOSTILE}"


@dataclass
class Seeded:
    """An account with some of everything, and the paths of its pages."""

    tenant: Client
    operator: str
    paths: dict[str, str]


@pytest.fixture(scope="session")
async def seeded(stage: Stage) -> Seeded:
    tenant, receiver = await stage.tenant(), stage.receiver
    receiver.script("/bad", 500)
    bad = await tenant.create(receiver.url("/bad"), name=HOSTILE, retries=1, headers={"X-A": "b"})
    await tenant.create(receiver.url("/crm"), name="CRM", hook="all")
    await tenant.create(receiver.url(f"/{LONGEST}"), name=f"Wall board {LONGEST}")
    for hook in ("channel_create", "channel_answer", "channel_destroy"):
        await stage.shared.call(tenant.account_id, CALL, hook=hook)
    attempts = await attempts_of(tenant, 6)
    failed = next(one for one in attempts if one["outcome"] != "succeeded")
    good = next(one for one in attempts if one["outcome"] == "succeeded")

    async def dead() -> Any:
        return (await tenant.get("dead_letters")).data

    (letter,) = await eventually(dead)
    await stage.shared.database["rejected"].insert_one(rejected())
    pause = {"_id": "p", "endpoint": LONGEST, "by": HOSTILE, "at": datetime.now(UTC)}
    await stage.shared.database["pauses"].insert_one(pause)
    account, hook_page = f"accounts/{tenant.account_id}", "hooks/channel_create"
    one = f"{account}/webhooks/{bad['id']}"
    paths = {
        "webhooks": f"{account}/webhooks",
        "webhooks-none": f"{account}/webhooks?q=nothing",
        "new": f"{account}/webhooks/new?hook=channel_create",
        "webhook": one,
        "edit": f"{one}/edit",
        "test": f"{one}/test",
        "match": f"{one}/match?hook=channel_answer",
        "secret": f"{one}/secret",
        "delete": f"{one}/delete",
        "attempt-failed": f"{one}/attempts/{failed['id']}",
        "attempt-good": f"{account}/webhooks/{good['hook_id']}/attempts/{good['id']}",
        "attempts": f"{account}/attempts",
        "dead-letters": f"{account}/dead-letters",
        "dead-letter": f"{account}/dead-letters/{letter['id']}",
        "replays": f"{account}/replays",
        "call": f"{account}/calls{URL.build(query={'call_id': CALL})}",
        "hooks": f"{account}/hooks?q=caller",
        "hook": f"{account}/{hook_page}",
        "overview": "overview",
        "by-account": "by-account",
        "by-endpoint": "by-endpoint?span=24h",
        "search": f"search{URL.build(query={'q': CALL})}",
        "settings": "settings?q=console",
        "audit": "audit",
        "account-audit": f"{account}/audit",
        "workers": "workers",
        "rejected": "rejected",
        "rejected-one": "rejected/odd",
        "pauses": "pauses",
    }
    return Seeded(tenant, await stage.operator_token(), paths)


def rejected() -> dict[str, Any]:
    """Return a rejected message as it is in the store."""
    return {
        "_id": "odd", "reason": "unknown_event", "detail": HOSTILE, "exchange": "callevt",
        "routing_key": LONGEST, "queue": "switchhook.events", "content_encoding": None,
        "body": CALL.encode(), "size": 60, "taken_at": datetime.now(UTC),
    }  # fmt: skip


async def test_every_page_can_be_read_by_everybody(
    people: People, seeded: Seeded, pictures: Path | None
) -> None:
    person = await people(**LOOKS["light"])
    await person.open("/console/sign-in")
    faults = {"sign-in": await examined(person, pictures, "sign-in")}
    await person.sign_in(seeded.operator)
    for name, path in {**seeded.paths, "docs": "../v2/docs"}.items():
        await person.open(f"/console/{path}")
        faults[name] = await examined(person, pictures, name)
    await person.open(f"/console/{seeded.paths['edit']}")
    await person.page.locator("textarea[name=filters]").fill('[{"callee": "+49*"}]')
    await person.page.locator("#matches tbody tr").first.wait_for()
    faults["would-match"] = await examined(person, pictures, "would-match")
    assert {name: found for name, found in faults.items() if found} == {}


async def examined(person: Person, pictures: Path | None, name: str) -> list[str]:
    """Return the faults of the page that is open, in every look."""
    faults = await person.faults()
    for look, options in LOOKS.items():
        await person.page.emulate_media(color_scheme=options["color_scheme"])
        await person.page.set_viewport_size(options["viewport"])
        if await person.page.evaluate(TOO_WIDE):
            faults.append(f"too wide for {look}")
        if look == "dark" and name in COLOURFUL:
            faults += await person.faults("color-contrast")
        if pictures is not None:
            await person.page.screenshot(path=pictures / f"{name}-{look}.png", full_page=True)
    await person.page.emulate_media(color_scheme="light")
    await person.page.set_viewport_size(DESKTOP)
    return faults
