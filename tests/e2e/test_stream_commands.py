"""The commands that listen to an account's events and attempts, as an integrator runs them."""

import json

from standardwebhooks import Webhook

from service.dev.process import ServiceProcess
from service.dev.receiver import Receiver
from tests.e2e.harness import eventually, logged
from tests.e2e.shared_service import SharedService
from tests.e2e.streams import command


async def test_listen_forwards_events_signed_and_sends_the_last_again(
    shared: SharedService, receiver: Receiver
) -> None:
    api = await shared.tenant()
    url = receiver.url("/hook")
    before = len(logged(shared.service, "live.wanted"))
    async with command(
        *("listen", "--api", api.url, "--url", url, "--hook", "channel_create"),
        SWITCHHOOK_API_TOKEN=api.token or "",
    ) as listen:
        line = await listen.until(lambda line: "whsec_" in line)
        secret = line.split()[-1]
        await eventually(lambda: _more(shared.service, before))
        await shared.call(api.account_id, "c-1")
        await listen.until(lambda line: "200" in line and "c-1" in line)
        listen.type("r\n")
        await listen.until(lambda line: line.endswith("again"))
        assert await listen.interrupt() == 0
    first, again = receiver.at("/hook")
    for request in (first, again):
        assert Webhook(secret).verify(request.body, dict(request.headers))
    assert first.delivery_id == again.delivery_id
    assert first.body == again.body


async def _more(service: ServiceProcess, count: int) -> bool:
    return len(logged(service, "live.wanted")) > count


async def test_tail_shows_an_attempt_within_a_second(
    shared: SharedService, receiver: Receiver
) -> None:
    api = await shared.tenant()
    await api.create(receiver.url("/good"))
    before = len(logged(shared.service, "live.wanted"))
    arguments = ("--api", api.url, "--account", api.account_id, "--token", api.token or "")
    async with command("tail", *arguments) as tail, command("tail", "--json", *arguments) as raw:
        for one in (tail, raw):
            await one.until(lambda line: "attempts of account" in line)
        await eventually(lambda: _more(shared.service, before))
        await shared.call(api.account_id, "c-1")
        await receiver.until(lambda: len(receiver.requests) == 1, 10)
        shown = await tail.until(lambda line: "succeeded" in line, 1)
        assert "c-1" in shown
        assert "\x1b" not in shown
        line = await raw.until(lambda line: line.startswith("{"), 1)
        assert json.loads(line)["call_id"] == "c-1"
        assert await tail.interrupt() == 0
        assert await raw.interrupt() == 0


async def test_a_command_says_why_the_api_refuses_it(shared: SharedService) -> None:
    api = await shared.tenant()
    async with command("tail", "--api", api.url, "--token", "swh_no") as tail:
        await tail.until(lambda line: "401" in line)
        assert await tail.process.wait() == 1
