"""A trace goes from the switch's message to the receiver, and to a collector where there is one."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from service.api.http.server import serve
from service.dev.receiver import Receiver
from service.dev.servers import HOST, free_port
from tests.e2e.harness import call_event, eventually, switch
from tests.e2e.shared_service import SharedService, StartShared

TRACEPARENT = f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"
TRACE_ID = TRACEPARENT[3:35]
SWITCH_SPAN = TRACEPARENT[36:52]


@dataclass
class Collector:
    """Takes spans in as an OpenTelemetry collector does: protobuf over HTTP."""

    url: str
    spans: list[Any] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        sent = ExportTraceServiceRequest.FromString(await request.read())
        for resource in sent.resource_spans:
            for scope in resource.scope_spans:
                self.spans += scope.spans
        return web.Response(content_type="application/x-protobuf")

    def named(self, name: str) -> list[Any]:
        return [span for span in self.spans if span.name == name]


@asynccontextmanager
async def collecting() -> AsyncIterator[Collector]:
    port = free_port()
    collector = Collector(f"http://{HOST}:{port}/v1/traces")
    application = web.Application()
    application.router.add_post("/v1/traces", collector.take)
    async with serve(application, HOST, port):
        yield collector


async def publish(shared: SharedService, account_id: str, **headers: str) -> None:
    async with switch(shared.amqp_url) as kazoo:
        await kazoo.publish(call_event("c-1", account_id=account_id), headers=headers)


async def test_the_switchs_trace_reaches_receiver_log_and_attempt(
    shared: SharedService, receiver: Receiver
) -> None:
    api = await shared.tenant()
    receiver.script("/traced", 500, 200)
    webhook = await api.create(receiver.url("/traced"), retries=1)
    await publish(shared, api.account_id, traceparent=TRACEPARENT)
    await receiver.until(lambda: len(receiver.requests) == 2, 10)
    # Nobody records our part, so the receiver is directly below the switch: at every attempt.
    assert [r.headers["traceparent"] for r in receiver.requests] == [TRACEPARENT, TRACEPARENT]

    async def both() -> list[Any]:
        made: list[Any] = (await api.get(f"webhooks/{webhook['id']}/attempts")).data
        return made if len(made) == 2 else []

    attempts = await eventually(both, what="the rows of the attempts")
    assert {attempt["trace_id"] for attempt in attempts} == {TRACE_ID}
    assert f'"trace_id":"{TRACE_ID}"' in shared.service.log.read_text()


async def test_without_one_or_with_a_broken_one_a_trace_begins(
    shared: SharedService, receiver: Receiver
) -> None:
    api = await shared.tenant()
    await api.create(receiver.url("/new"))
    await publish(shared, api.account_id)
    await publish(shared, api.account_id, traceparent="00-of-no-use")
    await receiver.until(lambda: len(receiver.requests) == 2, 10)
    first, second = (r.headers["traceparent"] for r in receiver.requests)
    assert len(first) == len(second) == 55
    assert first[3:35] != second[3:35]


async def test_spans_of_ingest_match_and_attempts_reach_a_collector(
    new_shared: StartShared, receiver: Receiver
) -> None:
    async with collecting() as collector:
        async with new_shared(SWITCHHOOK_TRACING__OTLP_URL=collector.url) as shared:
            api = await shared.tenant()
            receiver.script("/traced", 500, 200)
            await api.create(receiver.url("/traced"), retries=1)
            await publish(shared, api.account_id, traceparent=TRACEPARENT)
            await receiver.until(lambda: len(receiver.requests) == 2, 10)
            # What waits is sent when the service stops.
            await shared.service.stop()
        assert {span.trace_id.hex() for span in collector.spans} == {TRACE_ID}
        (ingest,), (match,) = collector.named("ingest"), collector.named("match")
        assert ingest.parent_span_id.hex() == SWITCH_SPAN
        attempts = sorted(collector.named("attempt"), key=lambda span: span.start_time_unix_nano)
        assert {span.parent_span_id for span in (match, *attempts)} == {ingest.span_id}
        sent = [r.headers["traceparent"] for r in receiver.requests]
        assert sent == [f"00-{TRACE_ID}-{span.span_id.hex()}-01" for span in attempts]
        noted = [{a.key: a.value.string_value for a in span.attributes} for span in attempts]
        assert [a["switchhook.outcome"] for a in noted] == ["bad_status", "succeeded"]


async def test_a_collector_that_is_away_holds_nothing_up(
    new_shared: StartShared, receiver: Receiver
) -> None:
    away = f"http://{HOST}:{free_port()}/v1/traces"
    settings = {"SWITCHHOOK_TRACING__OTLP_URL": away, "SWITCHHOOK_TRACING__SAMPLE_RATIO": "1"}
    async with new_shared(**settings) as shared:
        api = await shared.tenant()
        await api.create(receiver.url("/untraced"))
        await publish(shared, api.account_id)
        await receiver.until(lambda: bool(receiver.requests), 10)
        async with asyncio.timeout(10):
            await shared.service.stop()
        assert "service.stopped" in shared.service.log.read_text()
