"""What an integrator does in the console, from the first webhook to the repaired receiver."""

import asyncio
import re

import pytest
from aiohttp import web
from playwright.async_api import Route, expect

from service.api.http.server import serve
from service.dev.servers import HOST, free_port
from tests.browser.people import People, Stage
from tests.e2e.harness import eventually
from tests.e2e.shared_service import attempts_of

SECRET = re.compile(r"^whsec_[A-Za-z0-9+/=]+$")


@pytest.mark.parametrize("scripts", [True, False], ids=["with JavaScript", "without JavaScript"])
async def test_a_webhook_is_created_tested_broken_repaired_and_replayed(
    people: People, stage: Stage, *, scripts: bool
) -> None:
    tenant, receiver = await stage.tenant(), stage.receiver
    path = f"/{tenant.account_id}"
    person = await people(java_script_enabled=scripts)
    page = person.page
    await person.sign_in(tenant.token)
    await person.follow("Create the first webhook")
    await page.get_by_label("Name", exact=True).fill("CRM")
    await page.get_by_label("Event", exact=True).select_option("channel_create")
    if scripts:
        await person.sees("What is sent: channel_create")
    await page.get_by_label("Retries").fill("0")
    await page.get_by_label("Address", exact=True).fill(receiver.url(path))
    await person.press("Create webhook")
    await expect(page.get_by_label("The secret")).to_have_text(SECRET)

    receiver.script(path, 200, 500)
    await person.follow("Send a test")
    await person.press("Send the test")
    await person.sees("Your receiver accepted the test")
    await stage.shared.call(tenant.account_id, "one", "two", "three")

    async def disabled() -> bool:
        (webhook,) = (await tenant.get("webhooks")).data
        return not webhook["enabled"] and len((await tenant.get("dead_letters")).data) == 3

    await eventually(disabled)
    # Without JavaScript, a page shows what is in the log when it is opened.
    await attempts_of(tenant, 4)
    await person.follow("To the webhook")
    await person.sees("This webhook is disabled")
    await page.get_by_role("link", name="channel_create").nth(1).click()
    await person.sees("As a curl command")

    receiver.script(path, 200)
    await person.follow("CRM")
    await page.get_by_role("button", name="Enable").click()
    await person.sees("The webhook is enabled")
    await person.follow("Dead letters")
    await page.get_by_label("all that there are").check()
    await person.press("Replay …")
    await person.sees("Replay 3 dead letters?")
    await person.press("Replay 3 dead letters")
    await person.sees("The replay has started")

    async def replayed() -> bool:
        accepted = [one for one in receiver.requests if (one.path, one.answered) == (path, 200)]
        return len(accepted) == 4

    await eventually(replayed)

    async def told() -> bool:
        await page.reload()
        return await page.get_by_text("3 of 3").first.is_visible()

    await eventually(told, what="the end of the replay on the page")


async def test_an_event_chosen_before_the_scripts_have_come_is_shown(
    people: People, stage: Stage
) -> None:
    tenant, person, chosen = await stage.tenant(), await people(), asyncio.Event()
    await person.sign_in(tenant.token)

    async def late(route: Route) -> None:
        await chosen.wait()
        await route.continue_()

    await person.page.route("**/static/comfort.js", late)
    path = f"/console/accounts/{tenant.account_id}/webhooks/new"
    await person.page.goto(f"{stage.shared.url}{path}", wait_until="commit")
    await person.page.get_by_label("Event", exact=True).select_option("channel_create")
    chosen.set()
    await person.sees("What is sent: channel_create")


async def test_new_attempts_appear_by_themselves(people: People, stage: Stage) -> None:
    tenant = await stage.tenant()
    webhook = await tenant.create(stage.receiver.url(f"/{tenant.account_id}"))
    await stage.shared.call(tenant.account_id, "before")
    person = await people()
    await person.sign_in(tenant.token)

    async def shown() -> bool:
        await person.open(f"/console/accounts/{tenant.account_id}/webhooks/{webhook['id']}")
        return await person.page.get_by_role("link", name="before").count() == 1

    await eventually(shown)
    await expect(person.page.locator("[data-live-state]")).to_have_text("live")
    await stage.shared.call(tenant.account_id, "<b>after</b>")
    await expect(person.page.locator("tbody tr").first).to_contain_text("<b>after</b>")
    await person.page.keyboard.press("j")
    await expect(person.page.locator("tbody tr a").first).to_be_focused()


@pytest.mark.parametrize("allowed", [True, False], ids=["allowed", "another"])
async def test_a_portal_shows_the_console_in_a_frame_if_it_may(
    people: People, stage: Stage, *, allowed: bool
) -> None:
    tenant = await stage.tenant()
    await tenant.create(stage.receiver.url("/framed"), name="Framed")
    reply = await tenant.post("portal", read_only=True)
    link = f"{stage.shared.url}/console/portal/{reply.data['url'].rpartition('/')[2]}"
    portal = web.Application()

    async def around(_: web.Request) -> web.Response:
        head = '<title>Portal</title><link rel="icon" href="data:,">'
        text = f'{head}<iframe src="{link}" width="900" height="700"></iframe>'
        return web.Response(text=text, content_type="text/html")

    portal.router.add_get("/", around)
    port = stage.portal_port if allowed else free_port()
    async with serve(portal, HOST, port):
        person = await people()
        await person.page.goto(f"http://{HOST}:{port}/")
        frame = person.page.frame_locator("iframe")
        if allowed:
            await frame.get_by_role("link", name="Framed").click()
            await expect(frame.get_by_role("heading", name="Framed")).to_be_visible()
            assert await frame.get_by_role("link", name="Edit").count() == 0
        else:

            async def refused() -> list[str]:
                return [text for text in person.complaints if "frame-ancestors" in text]

            assert await eventually(refused)
            person.complaints.clear()
