"""Questions of calls over the bus: by `reply_to`, by Kazoo's convention, and as `pivot_req`."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import aio_pika
import pytest
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage, AbstractQueue

from service.dev.rabbit_server import RabbitServer
from service.dev.receiver import Receiver, ScriptedAnswer
from service.dev.servers import HOST
from service.dialects.kazoo.policy import KazooPolicy
from service.dialects.known import dialects_of
from service.settings.model import Settings
from tests.api_client import Client
from tests.broker_users import add_users, as_user, declare_exchanges, documented_permissions
from tests.conftest import NewVhost
from tests.e2e.harness import eventually
from tests.e2e.shared_service import SharedService, StartShared

QUEUE = "switchhook.ask"
XML = {"Content-Type": "application/xml"}
ASKED = Settings(kazoo=KazooPolicy(answer_pivot_requests="callevt"))
HELLO = ScriptedAnswer(headers=XML, body=b"<Response><Say>Hello</Say><Hangup/></Response>")


@pytest.fixture(scope="module")
async def running(
    new_shared: StartShared, new_vhost: NewVhost, broker: RabbitServer, numbers: Iterator[int]
) -> AsyncIterator[SharedService]:
    """A service whose user on the broker has exactly the permissions that are documented."""
    url, user = await new_vhost(), f"answers{next(numbers)}"
    await add_users(broker, url.rpartition("/")[2], {user: documented_permissions()[-1]})
    await declare_exchanges(url, dialects_of(ASKED))
    async with new_shared(
        SWITCHHOOK_AMQP__URL=as_user(url, user),
        SWITCHHOOK_KAZOO__ANSWER_PIVOT_REQUESTS="callevt",
    ) as service:
        # The switch itself may do more.
        yield replace(service, settings={**service.settings, "SWITCHHOOK_AMQP__URL": url})


@asynccontextmanager
async def asker(running: SharedService) -> AsyncIterator[tuple[AbstractChannel, AbstractQueue]]:
    """Somebody who asks over the bus, with a queue for answers bound to `targeted` as well."""
    async with await aio_pika.connect(running.amqp_url) as connection:
        channel = await connection.channel()
        targeted = await channel.declare_exchange("targeted", "direct", durable=False)
        answers = await channel.declare_queue(exclusive=True)
        await answers.bind(targeted, answers.name)
        yield channel, answers


async def publish(channel: AbstractChannel, body: Mapping[str, Any], **more: Any) -> None:
    message = aio_pika.Message(json.dumps(body).encode(), **more)
    await channel.default_exchange.publish(message, QUEUE)


async def answered(answers: AbstractQueue) -> tuple[AbstractIncomingMessage, Any]:
    async with asyncio.timeout(10), answers.iterator() as messages:
        async for message in messages:
            await message.ack()
            return message, json.loads(message.body)
    raise TimeoutError


async def actionable(api: Client, receiver: Receiver, **members: Any) -> str:
    created = await api.create(receiver.url("/ivr"), **{"hook": "pivot", **members})
    return str(created["id"])


async def test_a_question_is_answered_where_it_says(
    running: SharedService, receiver: Receiver
) -> None:
    receiver.script("/ivr", HELLO)
    api = await running.tenant()
    webhook_id = await actionable(api, receiver)
    question = {
        "id": "q1",
        "account_id": api.account_id,
        "webhook_id": webhook_id,
        "payload": {"Call-ID": "c1", "From": "+15550001111"},
    }
    async with asker(running) as (channel, answers):
        whence = {"reply_to": answers.name, "correlation_id": "corr"}
        await publish(channel, question, **whence)
        message, answer = await answered(answers)
        assert message.correlation_id == "corr"
        assert (answer["id"], answer["outcome"], answer["source"]) == ("q1", "ok", "primary")
        assert answer["dialect"] == "kazoo"
        assert json.loads(answer["document"])["data"]["text"] == "Hello"
        assert answer["elapsed_ms"] < 4500
        # A repeated id gets the answer of the first; nobody is asked again.
        await publish(channel, question, **whence)
        assert (await answered(answers))[1] == answer
        assert len(receiver.requests) == 1
        await publish(channel, {**question, "id": "q2", "webhook_id": "0" * 32}, **whence)
        refused = (await answered(answers))[1]
        assert (refused["id"], refused["outcome"]) == ("q2", "refused")
        other = await running.tenant()
        await publish(channel, {**question, "id": "q3", "account_id": other.account_id}, **whence)
        assert (await answered(answers))[1]["outcome"] == "refused"


@pytest.mark.parametrize("pid", ["", "<0.123.4>"])
async def test_kazoos_convention_is_kept(
    running: SharedService, receiver: Receiver, pid: str
) -> None:
    receiver.script("/ivr", HELLO)
    api = await running.tenant()
    webhook_id = await actionable(api, receiver)
    async with asker(running) as (channel, answers):
        question = {
            "App-Name": "pivot", "App-Version": "4.3", "Event-Category": "switchhook",
            "Event-Name": "ask_req", "Msg-ID": f"m{pid}", "Account-ID": api.account_id,
            "Server-ID": f"pid://{pid}/{answers.name}" if pid else answers.name,
            "Webhook-ID": webhook_id, "Call-ID": "c1",
        }  # fmt: skip
        await publish(channel, question)
        message, answer = await answered(answers)
    assert message.exchange == "targeted"
    assert message.headers.get("Deliver-To-PID") == (pid or None)
    assert (answer["Msg-ID"], answer["outcome"]) == (f"m{pid}", "ok")
    assert json.loads(answer["document"])["module"] == "tts"


async def test_a_deadline_shortens_the_budget(running: SharedService, receiver: Receiver) -> None:
    receiver.script("/ivr", ScriptedAnswer(delay_s=30))
    api = await running.tenant()
    static = "<Response><Hangup/></Response>"
    webhook_id = await actionable(api, receiver, static_answer=static)
    question = {"id": "late", "account_id": api.account_id, "webhook_id": webhook_id}
    async with asker(running) as (channel, answers):
        await publish(channel, {**question, "deadline_ms": 700}, reply_to=answers.name)
        answer = (await answered(answers))[1]
        assert (answer["outcome"], answer["reasons"]) == ("fallback", ["primary: timed_out"])
        assert answer["elapsed_ms"] <= 700
        # What cannot be read is rejected; the next question is answered.
        await publish(channel, {"id": 7}, reply_to=answers.name)
        await publish(channel, {**question, "id": "none", "deadline_ms": 0}, reply_to=answers.name)
        answer = (await answered(answers))[1]
        assert (answer["id"], answer["reasons"]) == ("none", ["primary: no_time"])


@dataclass(frozen=True)
class Callflow:
    """A callflow at an element `pivot`: asks on the bus, and obeys as `cf_exe` does."""

    channel: AbstractChannel
    messages: AbstractQueue
    """What comes to the process of the call: answers, and the events of its call."""
    call_id: str

    async def ask(self, url: str, **stored: Any) -> None:
        call = {
            "Account-ID": "a", "Call-ID": self.call_id, "From-User": "+15550001111",
            "From-Realm": "example.com", "Controller-Queue": self.messages.name,
            "Key-Value-Store": stored,
        }  # fmt: skip
        request = {
            "App-Name": "callflow", "App-Version": "4.3", "Event-Category": "dialplan",
            "Event-Name": "pivot_req", "Msg-ID": uuid.uuid4().hex, "Call": call,
            "Voice-URI": url, "Request-Format": "kazoo", "HTTP-Method": "get",
        }  # fmt: skip
        message = aio_pika.Message(json.dumps(request).encode())
        exchange = await self.channel.get_exchange("callmgr")
        await exchange.publish(message, "pivot.req.example%2Ecom")

    async def obeyed(self, url: str, **stored: Any) -> Any:
        """Ask; return the flow that the call is turned to, or None for the next branch."""
        await self.ask(url, **stored)
        told = (await answered(self.messages))[1]
        assert told["Call-ID"] == self.call_id
        if told["Event-Name"] == "failed":
            return None
        assert (told["Event-Category"], told["Event-Name"]) == ("pivot", "processing")
        message, event = await answered(self.messages)
        assert message.exchange == "callevt"
        assert (event["Event-Category"], event["Event-Name"]) == ("call_event", "CHANNEL_PIVOT")
        return json.loads(event["Application-Data"])


@asynccontextmanager
async def callflow(running: SharedService, call_id: str) -> AsyncIterator[Callflow]:
    async with asker(running) as (channel, messages):
        await messages.bind("callevt", f"call.*.{call_id}")
        yield Callflow(channel, messages, call_id)


async def address_of(running: SharedService, api: Client, uri: str, **members: Any) -> str:
    created = await api.create(uri, **{"hook": "pivot", "format": "json", **members})
    return str(running.url + created["_read_only"]["ask_path"])


async def test_a_menu_is_driven_by_a_callflow_that_asks_on_the_bus(
    running: SharedService, receiver: Receiver
) -> None:
    menu = b'<Response><Gather action="choice" numDigits="1"><Say>Press</Say></Gather></Response>'
    receiver.script("/ivr", ScriptedAnswer(headers=XML, body=menu))
    receiver.script("/choice", HELLO)
    url = await address_of(running, await running.tenant(), receiver.url("/ivr"))
    async with callflow(running, "bus-1") as call:
        flow = await call.obeyed(url)
        told = json.loads(receiver.requests[0].body)
        assert (told["From"], told["Call-ID"], told["Api-Version"]) == (
            "+15550001111", "bus-1", "4.x",
        )  # fmt: skip
        while flow["module"] != "pivot":
            flow = flow["children"]["_"]
        follow_up = flow["data"]["voice_url"]
        # Nobody is asked without digits: the callflow goes on.
        assert await call.obeyed(follow_up, dtmf_collections={}) is None
        assert not receiver.at("/choice")
        flow = await call.obeyed(follow_up, dtmf_collections={"default": "2"})
        assert flow["data"]["text"] == "Hello"
        assert json.loads(receiver.at("/choice")[0].body)["Digits"] == {"default": "2"}


async def test_a_callflow_whose_customer_gives_no_document_goes_on_at_once(
    running: SharedService, receiver: Receiver
) -> None:
    receiver.script("/ivr", 500)
    url = await address_of(running, await running.tenant(), receiver.url("/ivr"))
    async with callflow(running, "bus-2") as call:
        assert await call.obeyed(url) is None
        # A pivot to a server that is not ours has nobody else to answer it.
        assert await call.obeyed(receiver.url("/their-own-pivot")) is None
        assert not receiver.at("/their-own-pivot")


@asynccontextmanager
async def slow_server() -> AsyncIterator[tuple[str, list[bytes], asyncio.Event]]:
    """A customer's server that answers once it is told to; what it was asked, in order."""
    asked, free = list[bytes](), asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        asked.append(head)
        await free.wait()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\nConnection: close\r\n")
        writer.write(b"Content-Length: %d\r\n\r\n%s" % (len(HELLO.body), HELLO.body))
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, HOST, 0) as server:
        port = server.sockets[0].getsockname()[1]
        yield f"http://{HOST}:{port}/ivr", asked, free
        free.set()


async def test_a_lost_broker_costs_the_questions_under_way_no_second_request(
    running: SharedService, broker: RabbitServer
) -> None:
    api = await running.tenant()
    async with slow_server() as (uri, asked, free):

        async def both() -> bool:
            return len(asked) == 2

        created = await api.create(uri, hook="pivot", budget_s=30)
        question = {"account_id": api.account_id, "webhook_id": created["id"]}
        address = running.url + created["_read_only"]["ask_path"]
        async with await aio_pika.connect(running.amqp_url) as connection:
            channel = await connection.channel()
            queue = await channel.declare_queue("answers-after-all", durable=True)
            await publish(channel, {"id": "cut", **question}, reply_to=queue.name)
            by_http = asyncio.create_task(running.session.post(address, data={"Call-ID": "c1"}))
            await eventually(both, what="both questions")
            vhost = running.amqp_url.rpartition("/")[2]
            await broker.control("close_all_connections", "--vhost", vhost, "test")
        free.set()
        async with await by_http as response:
            assert response.headers["X-Switchhook-Answer-From"] == "primary"
        async with await aio_pika.connect(running.amqp_url) as connection:
            channel = await connection.channel()
            queue = await channel.get_queue("answers-after-all")
            answer = (await answered(queue))[1]
            assert (answer["id"], answer["outcome"]) == ("cut", "ok")
            assert len(asked) == 2
            await publish(channel, {"id": "next", **question}, reply_to=queue.name)
            while answer["id"] == "cut":  # the answer may have come twice
                answer = (await answered(queue))[1]
            assert (answer["id"], answer["outcome"]) == ("next", "ok")
            await queue.delete()
