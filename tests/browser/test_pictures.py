"""The pictures in the README: six pages of an account that looks like one in use."""

import base64
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import ViewportSize
from yarl import URL

from service.adapters.mongo.bucket_upkeep import BucketUpkeep
from service.adapters.mongo.logs import MongoAttemptLog
from service.adapters.mongo.store import Store, open_client, open_database
from service.dev.receiver import ScriptedAnswer
from service.domain.delivery import Outcome, Response, attempt_id_of
from tests.api_client import Client
from tests.browser.people import People, Stage
from tests.builders import make_attempt, make_delivery
from tests.e2e.harness import eventually
from tests.fakes import make_metrics

DESK, PHONE = ViewportSize(width=1180, height=700), ViewportSize(width=390, height=760)
MOST_BYTES = 40_960
QUALITIES = (80, 65, 50, 35, 20)
HOOKS = ("channel_create", "channel_answer", "channel_destroy")
ORDERS = b'{"error": "the orders service is down"}'


async def test_the_pictures_of_the_readme_are_small(
    people: People, stage: Stage, pictures: Path | None
) -> None:
    if pictures is None:
        pytest.skip("make screenshots takes them")
    tenant = await stage.tenant()
    shown = await furnished(stage, tenant)
    person = await people(color_scheme="light", viewport=DESK)
    await person.sign_in(await stage.operator_token())
    for name, path, scheme, size in (
        ("webhooks", shown["webhooks"], "light", DESK),
        ("attempt", shown["attempt"], "light", DESK),
        ("call", shown["call"], "dark", DESK),
        ("overview", "overview", "dark", DESK),
        ("audit", shown["audit"], "light", DESK),
        ("phone", shown["webhooks"], "light", PHONE),
    ):
        await person.page.set_viewport_size(size)
        await person.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        await person.open(f"/console/{path}")
        picture = await taken(person.page)
        assert len(picture) <= MOST_BYTES, name
        folder = pictures / "readme"
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.webp").write_bytes(picture)


async def taken(page: Any) -> bytes:
    """Return a picture of what is in the window, as WebP, which Playwright itself cannot write.

    The best quality that is small enough is chosen.
    """
    devtools = await page.context.new_cdp_session(page)
    for quality in QUALITIES:
        order = {"format": "webp", "quality": quality}
        answer = await devtools.send("Page.captureScreenshot", order)
        picture = base64.b64decode(answer["data"])
        if len(picture) <= MOST_BYTES:
            break
    return picture


async def furnished(stage: Stage, tenant: Client) -> dict[str, str]:
    """Have a day of an account happen; return the paths of its pages."""
    receiver, shared = stage.receiver, stage.shared
    receiver.script("/orders", ScriptedAnswer(500, 0.0, {}, ORDERS))
    names = {"CRM": "all", "Wall board": "channel_create", "Orders": "channel_destroy"}
    made = {
        name: await tenant.create(
            receiver.url(f"/{name.lower().replace(' ', '-')}"), name=name, hook=hook, retries=1
        )
        for name, hook in names.items()
    }
    calls = [f"{number}-4f21@pbx.example.com" for number in range(6)]
    for hook in HOOKS:
        await shared.call(tenant.account_id, *calls, hook=hook)

    async def settled() -> Any:
        good = (await tenant.get("webhooks/attempts", filter_result="success")).data
        bad = (await tenant.get("webhooks/attempts", filter_result="failure")).data
        dead = (await tenant.get("dead_letters")).data
        return bad if len(good) >= 24 and dead else None

    failed = (await eventually(settled, 20))[0]
    await past_day(stage, tenant.account_id, [one["id"] for one in made.values()])
    orders = f"webhooks/{made['Orders']['id']}"
    await tenant.patch(orders, retries=3)
    await tenant.post(f"{orders}/secret/rotate", overlap_s=3600)
    await tenant.post("portal", read_only=True)
    await tenant.post("dead_letters/replay", filter={})
    account = f"accounts/{tenant.account_id}"
    return {
        "webhooks": f"{account}/webhooks",
        "attempt": f"{account}/webhooks/{failed['hook_id']}/attempts/{failed['id']}",
        "call": f"{account}/calls{URL.build(query={'call_id': calls[0]})}",
        "audit": f"{account}/audit",
    }


async def past_day(stage: Stage, account_id: str, webhook_ids: Sequence[str]) -> None:
    """Write attempts of the hours before, so that there is a day to see."""
    settings = stage.shared.settings
    url, name = settings["SWITCHHOOK_MONGO__URL"], settings["SWITCHHOOK_MONGO__DATABASE"]
    store = Store(open_database(url, name, 10), make_metrics())
    client = open_client(url, 10)
    attempts = [
        make_attempt(
            Response(Outcome.SUCCEEDED if (back + number) % 17 else Outcome.BAD_STATUS, 200),
            delivery=make_delivery(account_id=account_id, webhook_id=webhook_id),
            started_at=(at := time.time() - 3600 * back - number),
            attempt_id=attempt_id_of(at),
            duration_s=0.01 + back * number / 1000,
        )
        for back in range(1, 24)
        for webhook_id in webhook_ids
        for number in range(5 + (back * 7) % 11)
    ]
    try:
        await MongoAttemptLog(store, client, BucketUpkeep(store, 90)).write(attempts)
    finally:
        await client.close()
        store.close()
