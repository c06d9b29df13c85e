"""Two zones: a broker each, one store, as the runbook sets them up."""

from typing import Any

from service.dev.receiver import Receiver
from tests.conftest import NewVhost
from tests.e2e.harness import call_event, eventually, switch
from tests.e2e.shared_service import SharedService
from tests.forking.client import ForkedService


async def test_each_zone_tells_its_own_calls_and_the_store_is_everybodys(
    shared: SharedService, new_vhost: NewVhost, receiver: Receiver
) -> None:
    # To a service, a virtual host is a broker.
    settings = {**shared.settings, "SWITCHHOOK_AMQP__URL": await new_vhost()}
    second = ForkedService(shared.directory / "zone2", settings)
    shared.stack.push_async_callback(second.stop)
    await second.start()
    here = await shared.tenant()
    there = shared.client(here.token, here.account_id, second)
    await there.create(receiver.url("/both"))

    await shared.call(here.account_id, "in-zone-1")
    async with switch(settings["SWITCHHOOK_AMQP__URL"]) as kazoo:
        await kazoo.publish(call_event("in-zone-2", account_id=here.account_id))

    await receiver.until(lambda: len(receiver.requests) == 2, 10)

    async def attempts() -> list[Any]:
        made: list[Any] = (await here.get("webhooks/attempts")).data
        return made if len(made) == 2 else []

    made = await eventually(attempts, what="both zones' attempts, told in one of them")
    assert {attempt["call_id"] for attempt in made} == {"in-zone-1", "in-zone-2"}
    assert len({request.delivery_id for request in receiver.requests}) == 2
