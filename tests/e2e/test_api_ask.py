"""Questions of calls over HTTP: a document within the budget, whoever gives it."""

import asyncio
import json
import time
from base64 import b64decode
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

import pytest

from service.dev.receiver import ReceivedRequest, Receiver, ScriptedAnswer
from service.dev.servers import free_port
from service.domain.answer import AnswerSource
from tests.api_client import Client, problem
from tests.e2e.shared_service import SharedService, StartShared, attempts_of
from tests.forking.client import switchhook

XML = {"Content-Type": "application/xml"}
HELLO = "<Response><Say>Hello</Say><Hangup/></Response>"
SORRY = "<Response><Say>Sorry</Say><Hangup/></Response>"
KAZOO_SAMPLE = {
    "Account-ID": "a", "Api-Version": "4.x", "Call-ID": "call-1", "Call-Status": "ringing",
    "Caller-ID-Name": "Alice", "Caller-ID-Number": "+15550001111", "Direction": "inbound",
    "From": "+15550001111", "From-Realm": "example.com", "To": "+15550002222",
    "To-Realm": "example.com", "Request": "+15550002222", "Request-Realm": "example.com",
}  # fmt: skip
TWIML_SAMPLE = {
    "AccountSid": "a", "ApiVersion": "2010-04-01", "CallSid": "call-1", "CallStatus": "ringing",
    "CallerName": "Alice", "CallerNumber": "+15550001111", "Direction": "inbound",
    "From": "+15550001111", "FromRealm": "example.com", "To": "+15550002222",
    "ToRealm": "example.com",
}  # fmt: skip
PIVOT_WAITS_S = 5.0


@dataclass(frozen=True)
class Heard:
    """What a switch got: as pivot reads it, a 200 with a document, or the next branch."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    after_s: float

    @property
    def flow(self) -> Any:
        assert self.status == 200, self.body
        assert self.headers["Content-Type"].startswith("application/json")
        return json.loads(self.body)

    @property
    def source(self) -> str:
        return self.headers["X-Switchhook-Answer-From"]

    @property
    def reasons(self) -> str:
        return self.headers.get("X-Switchhook-Answer-Reason", "")


@dataclass(frozen=True)
class Pivot:
    """A switch that asks as Kazoo's pivot does, and waits no longer."""

    running: SharedService
    voice_url: str

    async def ask(
        self, members: Mapping[str, Any], method: str = "POST", form: str = "form", url: str = ""
    ) -> Heard:
        body = {"json": members} if form == "json" else {"data": members}
        sent: Any = {"params": members} if method == "GET" else body
        began = time.perf_counter()
        async with (
            asyncio.timeout(PIVOT_WAITS_S),
            self.running.session.request(method, url or self.voice_url, **sent) as response,
        ):
            text = await response.read()
            after_s = time.perf_counter() - began
            return Heard(response.status, response.headers.copy(), text, after_s)


@pytest.fixture(scope="module")
async def running(new_shared: StartShared) -> AsyncIterator[SharedService]:
    options = {"SWITCHHOOK_AMQP__SOURCES": '["kazoo", "voipbin"]'}
    async with new_shared(**options) as service:
        yield service


async def pivot(running: SharedService, api: Client, uri: str, **members: Any) -> Pivot:
    """Return a switch that asks a new actionable webhook."""
    created = await api.create(uri, **{"hook": "pivot", **members})
    return Pivot(running, running.url + created["_read_only"]["ask_path"])


@pytest.mark.parametrize(
    ("method", "form", "members", "fmt"),
    [
        ("POST", "form", KAZOO_SAMPLE, "form-data"),
        ("POST", "json", KAZOO_SAMPLE, "json"),
        ("GET", "form", KAZOO_SAMPLE, "form-data"),
        ("POST", "form", TWIML_SAMPLE, "json"),
    ],
)
async def test_a_question_reaches_the_customer_as_it_is_and_its_document_the_switch(
    running: SharedService,
    receiver: Receiver,
    method: str,
    form: str,
    members: Mapping[str, str],
    fmt: str,
) -> None:
    receiver.script("/ivr", ScriptedAnswer(headers=XML, body=HELLO.encode()))
    api = await running.tenant()
    created = await api.create(
        receiver.url("/ivr"), hook="pivot", format=fmt, http_verb=method.lower()
    )
    kazoo = Pivot(running, running.url + created["_read_only"]["ask_path"])
    heard = await kazoo.ask(members, method, form)
    assert (heard.source, heard.reasons) == ("primary", "")
    assert heard.flow["module"] == "tts"
    assert heard.flow["data"]["text"] == "Hello"
    assert heard.flow["children"]["_"]["module"] == "hangup"
    [asked] = receiver.requests
    assert told_to(asked) == members
    assert asked.method == method
    assert asked.genuine(b64decode(created["secret"].removeprefix("whsec_")))


async def test_an_input_is_asked_through_us_again_with_its_digits(
    running: SharedService, receiver: Receiver
) -> None:
    menu = '<Response><Gather action="choice?menu=1" numDigits="1"><Say>Press</Say></Gather>'
    menu = f"{menu}<Hangup/></Response>"
    receiver.script("/ivr/start", ScriptedAnswer(headers=XML, body=menu.encode()))
    receiver.script("/ivr/choice", ScriptedAnswer(headers=XML, body=HELLO.encode()))
    kazoo = await pivot(running, await running.tenant(), receiver.url("/ivr/start"))
    [url] = voice_urls((await kazoo.ask(KAZOO_SAMPLE)).flow)
    assert url.startswith(kazoo.voice_url)
    without = await kazoo.ask(KAZOO_SAMPLE, url=url)
    assert (without.status, without.source) == (404, "none")
    assert not receiver.at("/ivr/choice")
    heard = await kazoo.ask({**KAZOO_SAMPLE, "Digits": "2"}, url=url)
    assert heard.flow["data"]["text"] == "Hello"
    asked = receiver.at("/ivr/choice")[0]
    assert asked.raw_path.startswith("/ivr/choice?menu=1")
    assert told_to(asked)["Digits"] == "2"
    # Kazoo's `collect_dtmf` keeps digits by collection, which a form spells so.
    heard = await kazoo.ask({**KAZOO_SAMPLE, "Digits[default]": "2"}, url=url)
    assert heard.flow["data"]["text"] == "Hello"
    forged = url.replace("next=", "next=x")
    assert (await kazoo.ask(KAZOO_SAMPLE, url=forged)).status == 404


async def test_the_fallback_is_asked_once_where_the_primary_fails(
    running: SharedService, receiver: Receiver
) -> None:
    receiver.script("/dead", 500)
    receiver.script("/spare", ScriptedAnswer(headers=XML, body=HELLO.encode()))
    api = await running.tenant()
    kazoo = await pivot(running, api, receiver.url("/dead"), fallback_uri=receiver.url("/spare"))
    heard = await kazoo.ask(KAZOO_SAMPLE)
    assert (heard.source, heard.reasons) == ("fallback", "primary: bad_status")
    assert heard.flow["data"]["text"] == "Hello"
    first, second = receiver.requests
    assert (first.path, second.path) == ("/dead", "/spare")
    assert first.delivery_id == second.delivery_id
    assert second.headers["X-Switchhook-Fallback-Reason"] == "bad_status"
    listed = await attempts_of(api, 2)
    path = f"webhooks/{listed[0]['hook_id']}/attempts/{listed[0]['id']}"
    shown = (await api.get(path)).data
    assert shown["answer"]["from"] == "fallback"
    assert (shown["answer"]["used"], shown["answer"]["applied"]) == (True, "fallback")
    assert "Hello" in shown["answer"]["document"]
    assert shown["resp_body"] == HELLO
    assert shown["call_id"] == "call-1"


async def test_two_silent_servers_cost_no_more_than_the_budget(
    running: SharedService, receiver: Receiver
) -> None:
    receiver.script("/silent", ScriptedAnswer(delay_s=30))
    kazoo = await pivot(
        running,
        await running.tenant(),
        receiver.url("/silent"),
        fallback_uri=receiver.url("/silent"),
        budget_s=1.5,
        static_answer=SORRY,
    )
    heard = await kazoo.ask(KAZOO_SAMPLE)
    assert heard.after_s <= 1.5
    assert heard.source == "static"
    assert heard.reasons == "primary: timed_out; fallback: timed_out"
    assert heard.flow["data"]["text"] == "Sorry"


async def test_a_silent_server_of_access_tokens_costs_no_more_than_the_budget(
    running: SharedService, receiver: Receiver
) -> None:
    receiver.script("/token", ScriptedAnswer(delay_s=30))
    auth = {
        "type": "oauth2",
        "token_url": receiver.url("/token"),
        "client_id": "us",
        "client_secret": "hush",
    }
    kazoo = await pivot(
        running,
        await running.tenant(),
        receiver.url("/ivr"),
        auth=auth,
        budget_s=1.5,
        static_answer=SORRY,
    )
    heard = await kazoo.ask(KAZOO_SAMPLE)
    assert heard.after_s <= 1.5
    assert (heard.source, heard.reasons) == ("static", "primary: timed_out")
    assert not receiver.at("/ivr")


async def test_many_calls_at_once_ask_a_server_that_nobody_knows_yet(
    running: SharedService, receiver: Receiver
) -> None:
    receiver.script("/slow", ScriptedAnswer(delay_s=0.3, headers=XML, body=HELLO.encode()))
    kazoo = await pivot(running, await running.tenant(), receiver.url("/slow"))
    heard = await asyncio.gather(*(kazoo.ask(KAZOO_SAMPLE) for _ in range(40)))
    assert {one.source for one in heard} == {"primary"}


async def test_a_refused_connection_without_a_static_answer_leads_to_the_next_branch(
    running: SharedService,
) -> None:
    api = await running.tenant()
    kazoo = await pivot(running, api, f"http://127.0.0.1:{free_port()}/")
    heard = await kazoo.ask(KAZOO_SAMPLE)
    assert (heard.status, heard.source, heard.reasons) == (404, "none", "primary: refused")
    assert heard.after_s < 1


async def test_a_server_out_of_order_is_not_asked_and_costs_nothing(
    running: SharedService,
) -> None:
    api = await running.tenant()
    uri = f"http://127.0.0.1:{free_port()}/"
    kazoo = await pivot(running, api, uri, static_answer=SORRY)
    heard = [await kazoo.ask(KAZOO_SAMPLE) for _ in range(30)]
    assert {one.source for one in heard} == {"static"}
    assert heard[0].reasons == "primary: refused"
    assert heard[-1].reasons == "primary: not_asked"
    assert (await api.get("webhooks")).data[0]["enabled"]


DEEP = b"<Response>" + 10_000 * b"<Gather>" + 10_000 * b"</Gather>" + b"</Response>"
BOMB = b'<!DOCTYPE r [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><Response><Say>&b;</Say></Response>'
BAD = {
    "broken XML": (200, XML, b"<Response><Say>", "malformed"),
    "broken JSON": (200, {"Content-Type": "application/json"}, b'{"steps":[', "malformed"),
    "a wrong type": (200, {"Content-Type": "text/html"}, b"<p>", "wrong_type"),
    "an unknown verb": (200, XML, b"<Response><Fly/></Response>", "unknown_verb"),
    "two megabytes": (200, XML, b" " * (2 << 20), "too_large"),
    "10,000 nested verbs": (200, XML, DEEP, "too_large"),
    "a DTD": (200, XML, b"<!DOCTYPE Response><Response/>", "dtd"),
    "a billion laughs": (200, XML, BOMB, "dtd"),
    "204": (204, {}, b"", "empty"),
    "302": (302, {"Location": "http://example.com/"}, b"", "redirected"),
    "an empty body": (200, XML, b"", "empty"),
    "a private address": (
        200, XML, b"<Response><Play>http://10.0.0.1/a.wav</Play></Response>", "bad_url",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
async def test_a_bad_answer_is_replaced_with_a_named_reason(
    running: SharedService, receiver: Receiver, name: str
) -> None:
    status, headers, body, reason = BAD[name]
    receiver.script("/bad", ScriptedAnswer(status, headers=headers, body=body))
    api = await running.tenant()
    kazoo = await pivot(running, api, receiver.url("/bad"), static_answer=SORRY)
    heard = await kazoo.ask(KAZOO_SAMPLE)
    assert (heard.source, heard.reasons) == ("static", f"primary: {reason}")
    assert heard.flow["data"]["text"] == "Sorry"
    assert heard.after_s < 2


async def test_a_flow_of_voipbin_never_sees_an_error(
    running: SharedService, receiver: Receiver
) -> None:
    receiver.script("/fetch", 500, ScriptedAnswer(headers=XML, body=HELLO.encode()))
    api = await running.tenant()
    flow = await pivot(running, api, receiver.url("/fetch"), hook="fetch")
    asked = {"activeflow_id": "f1", "reference_id": "c1"}
    heard = await flow.ask(asked, form="json")
    assert (heard.status, json.loads(heard.body)) == (200, [])
    heard = await flow.ask(asked, form="json")
    assert [action["type"] for action in json.loads(heard.body)] == ["talk", "hangup"]
    first = receiver.requests[0]
    assert json.loads(first.body) == asked
    assert first.headers["Content-Type"] == "application/json; charset=utf-8"


async def test_the_command_asks_and_the_test_request_shows_the_document(
    running: SharedService, receiver: Receiver
) -> None:
    receiver.script("/ivr", ScriptedAnswer(headers=XML, body=HELLO.encode()))
    api = await running.tenant()
    created = await api.create(receiver.url("/ivr"), hook="pivot")
    url = running.url + created["_read_only"]["ask_path"]
    code, text = await switchhook("ask", url, "--member", "Digits=7", env={})
    assert code == 0
    assert "from: primary" in text
    assert '"text": "Hello"' in text
    assert told_to(receiver.requests[0])["Digits"] == "7"
    tested = (await api.post(f"webhooks/{created['id']}/test")).data
    assert (tested["test"], tested["answer"]["applied"]) == (True, "primary")
    assert "Hello" in tested["answer"]["document"]
    assert receiver.requests[1].headers["X-Switchhook-Test"] == "true"
    code, text = await switchhook("ask", url[:-1], env={})
    assert code == 1


async def test_only_whoever_knows_the_address_may_ask(
    running: SharedService, receiver: Receiver
) -> None:
    receiver.script("/ivr", ScriptedAnswer(headers=XML, body=HELLO.encode()))
    api, other = await running.tenant(), await running.tenant()
    kazoo = await pivot(running, api, receiver.url("/ivr"))
    for url in (
        kazoo.voice_url[:-1],
        kazoo.voice_url.rpartition("-")[0],
        kazoo.voice_url.replace(api.account_id, other.account_id),
        kazoo.voice_url[:-32] + 32 * "0",
    ):
        assert (await kazoo.ask(KAZOO_SAMPLE, url=url)).status == 404
    assert not receiver.requests
    # An ordinary webhook has no such address.
    plain = await api.create(receiver.url("/plain"))
    assert "ask_path" not in plain["_read_only"]
    url = f"{running.url}/ask/{api.account_id}/{plain['id']}-"
    assert (await kazoo.ask(KAZOO_SAMPLE, url=url)).status == 404


async def test_a_disabled_webhook_gives_its_static_answer(
    running: SharedService, receiver: Receiver
) -> None:
    api = await running.tenant()
    created = await api.create(receiver.url("/ivr"), hook="pivot", static_answer=SORRY)
    await api.patch(f"webhooks/{created['id']}", enabled=False)
    kazoo = Pivot(running, running.url + created["_read_only"]["ask_path"])
    heard = await kazoo.ask(KAZOO_SAMPLE)
    assert (heard.source, heard.flow["data"]["text"]) == (AnswerSource.STATIC, "Sorry")
    assert not receiver.requests


async def test_members_of_questions_are_for_actionable_hooks_and_are_checked(
    running: SharedService, receiver: Receiver
) -> None:
    api = await running.tenant()
    given = {"name": "ivr", "uri": receiver.url("/ivr"), "hook": "pivot"}
    assert problem(await api.put("webhooks", **given, static_answer="<Response>"), "static_answer")
    assert problem(await api.put("webhooks", **given, budget_s=0.1), "budget_s")
    assert problem(await api.put("webhooks", **given, answer_form="xml"), "answer_form")
    given["hook"] = "channel_create"
    assert problem(await api.put("webhooks", **given, budget_s=2), "budget_s")


def told_to(request: ReceivedRequest) -> Any:
    """Return the members that a customer was told."""
    if request.headers.get("Content-Type") == "application/json":
        return json.loads(request.body)
    pairs = parse_qs(request.body.decode(), keep_blank_values=True)
    return {name: values[0] for name, values in pairs.items()}


def voice_urls(flow: Any) -> list[str]:
    """Return the addresses that a callflow asks next."""
    here = [flow["data"]["voice_url"]] if flow.get("module") == "pivot" else []
    below = [url for child in flow.get("children", {}).values() for url in voice_urls(child)]
    return [*here, *below]
