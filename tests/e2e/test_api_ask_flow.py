"""An IVR of four documents, driven by a stand-in for VoIPBIN's flow-manager."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from service.dev.receiver import Receiver, ScriptedAnswer
from tests.e2e.shared_service import SharedService, StartShared
from tests.flow_manager_stand_in import Activeflow, spoken

DOCUMENTS = Path(__file__).parents[1] / "unit" / "answers" / "ivr"
XML = {"Content-Type": "application/xml"}
MENU = (
    b'<Response><Gather action="/ivr/choice" numDigits="1"><Say>Menu.</Say></Gather>'
    b"<Say>We did not get your choice.</Say><Redirect>/ivr/menu</Redirect></Response>"
)
NUMBER = [{"type": "tel", "target": "+15550100001"}]


@pytest.fixture(scope="module")
async def running(new_shared: StartShared) -> AsyncIterator[SharedService]:
    async with new_shared(SWITCHHOOK_AMQP__SOURCES='["voipbin"]') as service:
        yield service


@pytest.fixture
async def url(running: SharedService, receiver: Receiver) -> str:
    """The address of an IVR: a menu, whose choice and what follows each test scripts."""
    script(receiver, "/ivr/menu", "menu")
    script(receiver, "/ivr/after-sales", "goodbye")
    script(receiver, "/ivr/recorded", "goodbye")
    api = await running.tenant()
    created = await api.create(receiver.url("/ivr/menu"), hook="fetch", format="json")
    return str(running.url + created["_read_only"]["ask_path"])


def script(receiver: Receiver, path: str, name: str) -> None:
    body = (DOCUMENTS / f"{name}.xml").read_bytes()
    receiver.script(path, ScriptedAnswer(headers=XML, body=body))


async def test_a_choice_connects_and_the_call_comes_back_for_the_goodbye(
    running: SharedService, receiver: Receiver, url: str
) -> None:
    script(receiver, "/ivr/choice", "sales")
    flow = Activeflow(running.session, inputs=["1"])
    told = await flow.run(url)
    assert spoken(told) == ["Welcome to Example & Sons.", "Connecting you with sales.", "Goodbye."]
    assert ("play", [receiver.url("/ivr/prompts/menu.wav")]) in told
    assert ("connect", NUMBER) in told
    paths = [request.path for request in receiver.requests]
    assert paths == ["/ivr/menu", "/ivr/choice", "/ivr/after-sales"]
    assert b'"Digits":"1"' in receiver.at("/ivr/choice")[0].body


async def test_another_choice_records_a_message(
    running: SharedService, receiver: Receiver, url: str
) -> None:
    script(receiver, "/ivr/choice", "message")
    told = await Activeflow(running.session, inputs=["2", "#"]).run(url)
    assert spoken(told)[1:] == ["Please leave a message after the tone.", "Goodbye."]
    assert receiver.requests[-1].path == "/ivr/recorded"


async def test_a_caller_who_presses_nothing_hears_the_menu_again(
    running: SharedService, receiver: Receiver, url: str
) -> None:
    script(receiver, "/ivr/choice", "sales")
    told = await Activeflow(running.session, inputs=["", "1"]).run(url)
    again = ["Welcome to Example & Sons.", "We did not get your choice."]
    assert spoken(told)[:3] == [*again, "Welcome to Example & Sons."]
    assert len(receiver.at("/ivr/choice")) == 1


async def test_a_server_that_fails_in_mid_call_never_ends_the_flow(
    running: SharedService, receiver: Receiver, url: str
) -> None:
    receiver.script("/ivr/choice", 500)
    receiver.script("/ivr/menu", ScriptedAnswer(headers=XML, body=MENU), 500)
    told = await Activeflow(running.session, inputs=["1"]).run(url)
    assert spoken(told) == ["Menu.", "We did not get your choice."]
