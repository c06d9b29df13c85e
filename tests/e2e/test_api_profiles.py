"""Webhooks whose requests have the form of a profile, whichever switch the event is from."""

import json
from base64 import b64decode
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

import jsonschema
import pytest

from service.dev.receiver import ReceivedRequest, Receiver, ScriptedAnswer
from service.dialects.bus_message import Occasion
from tests.api_client import problem
from tests.e2e.harness import SAMPLES, eventually, switch
from tests.e2e.shared_service import SharedService, attempts_of

VOXTELESYS = {"profile": "voxtelesys"}
QUESTION = {
    "Account-ID": "a", "Call-ID": "call-1", "Call-Status": "ringing", "To": "+15550002222",
    "Caller-ID-Number": "+15550001111", "Custom-Application-Vars[crm_case]": "42",
}  # fmt: skip


def form_of(request: ReceivedRequest) -> dict[str, str]:
    return dict(parse_qsl(request.body.decode(), keep_blank_values=True, strict_parsing=True))


async def test_a_call_that_ends_is_a_status_callback_in_every_attempt_and_replay(
    shared: SharedService, receiver: Receiver
) -> None:
    api = await shared.tenant()
    receiver.script("/calls", 500)
    created = await api.create(receiver.url("/calls"), hook="channel_destroy", **VOXTELESYS)
    assert created["profile"] == "voxtelesys"
    await shared.call(api.account_id, "call-1", hook="channel_destroy")
    await receiver.until(lambda: len(receiver.requests) == 3, 20, "three attempts")
    listed = await attempts_of(api, 3)
    receiver.script("/calls", 200)

    async def letters() -> Any:
        return (await api.get("dead_letters")).data

    # The log and the dead letters are written apart from each other.
    [failed] = await eventually(letters, what="the dead letter")
    await api.post("dead_letters/replay", ids=[failed["id"]])
    await receiver.until(lambda: len(receiver.requests) == 4, 20, "the replay")
    key = b64decode(created["secret"].removeprefix("whsec_"))
    for request in receiver.requests:
        assert form_of(request) == {
            "CallSid": "call-1", "AccountID": api.account_id, "From": "+15556783945",
            "To": "+15552345678", "CallStatus": "completed", "ApiVersion": "1",
            "SwitchhookDirection": "inbound", "SwitchhookDuration": "7",
            "SwitchhookCause": "NORMAL_CLEARING",
        }  # fmt: skip
        assert request.headers["X-Switchhook-Schema"] == "voxtelesys-status/1"
        assert request.genuine(key)
    assert len({request.delivery_id for request in receiver.requests}) == 1
    path = f"webhooks/{created['id']}/attempts/{listed[0]['id']}"
    assert "CallStatus=completed" in (await api.get(path)).data["req_body"]


@pytest.mark.parametrize(
    ("hook", "type_of"), [("sms", "mo"), ("fax", "fax"), ("channel_create", None), ("object", None)]
)
async def test_a_test_sends_a_sample_that_fits_the_published_schema(
    shared: SharedService, receiver: Receiver, hook: str, type_of: str | None
) -> None:
    api = await shared.tenant()
    created = await api.create(receiver.url("/test"), hook=hook, **VOXTELESYS)
    attempt = (await api.post(f"webhooks/{created['id']}/test")).data
    assert attempt["result"] == "success"
    [request] = receiver.requests
    members = form_of(request) if type_of is None else json.loads(request.body)
    assert members.get("type") == type_of
    schema = await api.get(f"/v2/schemas/{request.headers['X-Switchhook-Schema']}")
    jsonschema.validate(members, schema.envelope)
    other = await api.post(f"webhooks/{created['id']}/test", hook="parking")
    said = "profile voxtelesys has no request for hook parking"
    assert problem(other, "hook")["invalid"]["message"] == said


async def test_of_the_changes_on_the_bus_only_a_stored_recording_is_a_recording_callback(
    shared: SharedService, receiver: Receiver
) -> None:
    api = await shared.tenant()
    await api.create(receiver.url("/recordings"), hook="object", **VOXTELESYS)
    async with switch(shared.amqp_url) as kazoo:
        await kazoo.publish(SAMPLES["object"](Occasion.now(api.account_id, "")))
        for recording, name in (("r1", "doc_edited"), ("r2", "doc_deleted"), ("r3", "doc_created")):
            change = SAMPLES["object"](Occasion.now(api.account_id, ""))
            body = {**change.body, "Type": "call_recording", "ID": recording, "Event-Name": name}
            await kazoo.publish(replace(change, body=body))
    await attempts_of(api, 1)
    [request] = receiver.requests
    assert form_of(request) == {
        "AccountID": api.account_id, "ApiVersion": "1", "SwitchhookRecordingID": "r3",
        "SwitchhookRecordingStatus": "completed",
    }  # fmt: skip


async def test_an_event_without_a_place_is_not_sent_and_the_dry_run_says_so(
    shared: SharedService, receiver: Receiver
) -> None:
    api = await shared.tenant()
    created = await api.create(receiver.url("/fax"), hook="fax", **VOXTELESYS)
    [found] = (await api.post("webhooks/match", hook="fax")).data
    [verdict] = found["webhooks"]
    assert verdict["id"] == created["id"]
    said = "profile voxtelesys has no request for this event of hook fax"
    assert (verdict["matches"], verdict["reasons"]) == (False, [said])


async def test_a_hook_without_a_place_is_refused_and_the_catalogue_names_those_with_one(
    shared: SharedService, receiver: Receiver
) -> None:
    api = await shared.tenant()
    refused = await api.put(
        "webhooks", name="crm", hook="parking", uri=receiver.url("/"), **VOXTELESYS
    )
    found = problem(refused, "profile")["invalid"]
    assert "profile voxtelesys has no request for hook parking" in found["message"]
    listed: list[dict[str, Any]] = (await api.get("/v2/webhooks")).data
    allowed = {one["id"] for one in listed if "voxtelesys" in one.get("profiles", {})}
    assert allowed == set(found["target"])
    unknown = await api.put("webhooks", name="x", hook="sms", uri=receiver.url("/"), profile="x")
    assert unknown.status == 400
    created = await api.create(receiver.url("/"), **VOXTELESYS)
    path = f"webhooks/{created['id']}"
    assert "invalid" in problem(await api.patch(path, hook="parking"), "profile")
    assert (await api.patch(path, hook="parking", profile=None)).status == 200


async def test_the_catalogue_says_that_no_receipt_ever_comes_from_kazoo(
    shared: SharedService,
) -> None:
    nobody = shared.client(None, "", shared.service)
    listed = {one["hook"]: one for one in (await nobody.get("/v2/schemas")).data}
    receipt = listed["voxtelesys-dlr"]
    assert receipt["hooks"] == {"kazoo": []}
    assert receipt["never"] == {"kazoo": "Kazoo's exchange im has no status of a sent message."}
    assert (await nobody.get("/v2/schemas/voxtelesys-dlr")).data == receipt
    message = listed["voxtelesys-mo"]
    assert (message["hooks"], message["never"]) == ({"kazoo": ["sms", "mms"]}, {})
    assert "never" not in listed["sms"]


async def test_the_catalogue_tells_modes_and_the_schema_of_an_answer(shared: SharedService) -> None:
    api = await shared.tenant()
    modes = {one["hook"]: one["mode"] for one in (await api.get("/v2/schemas")).data}
    actionable = {hook for hook, mode in modes.items() if mode == "actionable"}
    assert actionable == {"pivot", "voxtelesys-call"}
    for hook in ("pivot", "voxtelesys-call", "sms", "voxtelesys-mo"):
        schema = (await api.get(f"/v2/schemas/{hook}/1")).envelope
        assert ("answer" in schema) == (hook in actionable)
    forms = (await api.get("/v2/schemas/pivot/1")).envelope["answer"]["anyOf"]
    [own] = [one for one in forms if one["$id"] == "answer/switchhook"]
    jsonschema.validate({"steps": [{"say": {"text": "Hello"}}, {"hangup": {}}]}, own)


async def test_a_question_is_an_incoming_call_whose_document_steers_it(
    shared: SharedService, receiver: Receiver
) -> None:
    xml = b"<Response><Say>Hello</Say><Hangup/></Response>"
    receiver.script("/ivr", ScriptedAnswer(headers={"Content-Type": "text/xml"}, body=xml))
    api = await shared.tenant()
    created = await api.create(receiver.url("/ivr"), hook="pivot", **VOXTELESYS)
    address = shared.url + created["_read_only"]["ask_path"]
    async with shared.session.post(address, data=QUESTION) as response:
        assert (response.status, (await response.json())["module"]) == (200, "tts")
    [asked] = receiver.requests
    assert form_of(asked) == {
        "CallSid": "call-1", "AccountID": "a", "From": "+15550001111", "To": "+15550002222",
        "CallStatus": "ringing", "ApiVersion": "1", "Vars": '{"crm_case":"42"}',
    }  # fmt: skip
    assert asked.genuine(b64decode(created["secret"].removeprefix("whsec_")))
