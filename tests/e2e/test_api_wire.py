"""What the API makes of bytes that no client library would send."""

import re
import struct
from socket import SO_LINGER, SOL_SOCKET
from typing import Any
from urllib.parse import quote

import pytest

from tests.api_client import Client, Reply, check_error, problem
from tests.e2e.harness import eventually
from tests.e2e.shared_service import SharedService
from tests.e2e.strict import GOOD, check_envelope
from tests.e2e.wire import connected, exchanged, read_answer

CONTROLS = ["\0", "\x01", "\t", "\n", "\r", "\x1b", "\x1f", "\x7f", "\x80", "\x9f"]
NOT_HTTP = {
    "no request": b"hello\r\n\r\n",
    "a header without a colon": b"GET /v2/webhooks HTTP/1.1\r\nHost: x\r\nnonsense\r\n\r\n",
    "a NUL in a header": b"GET /v2/webhooks HTTP/1.1\r\nHost: x\r\nX-Auth-Token: a\0b\r\n\r\n",
    "a long header": b"GET /v2/webhooks HTTP/1.1\r\nX: " + b"x" * 20_000 + b"\r\n\r\n",
    "a long path": b"GET /v2/" + b"x" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "many headers": b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 200 + b"\r\n",
    "a bad length": b"PUT /v2/webhooks HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
    "two lengths": b"PUT / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "TLS": bytes.fromhex("16030100c8010000c40303") + b"\r\n\r\n",
    "a bad method": b"G\x01T / HTTP/1.1\r\nHost: x\r\n\r\n",
}


def check_anonymous(headers: Any) -> None:
    """Hold headers against what may be told of the software."""
    server = headers.get("Server") or headers.get("server") or ""
    assert re.fullmatch(r"[A-Za-z]*", server), server


@pytest.mark.parametrize("request_", NOT_HTTP.values(), ids=NOT_HTTP)
async def test_what_is_no_http_is_answered_in_an_envelope(
    shared: SharedService, request_: bytes
) -> None:
    answer = await exchanged(shared.service.port, request_)
    assert answer.headers["content-type"].startswith("application/json")
    reply = Reply(answer.status, answer.envelope, {"X-Request-ID": answer.headers["x-request-id"]})
    check_envelope(reply, 400)
    assert reply.envelope["message"] == "bad_request"
    check_anonymous(answer.headers)
    assert "aiohttp" not in str(answer)
    assert "Traceback" not in shared.service.log.read_text()


async def test_an_unknown_expectation_is_answered_in_an_envelope(shared: SharedService) -> None:
    for path in (b"/v2/webhooks", b"/nowhere"):
        request = b"GET " + path + b" HTTP/1.1\r\nHost: x\r\nExpect: the-impossible\r\n\r\n"
        answer = await exchanged(shared.service.port, request)
        reply = Reply(
            answer.status, answer.envelope, {"X-Request-ID": answer.headers["x-request-id"]}
        )
        check_envelope(reply, 417)
        check_anonymous(answer.headers)
        assert "impossible" not in str(answer)


async def test_no_answer_tells_the_versions_of_the_software(shared: SharedService) -> None:
    api = await shared.tenant()
    replies = [
        await api.get("webhooks"),
        await api.get("webhooks/none"),
        await api.get("/v2/openapi.json"),
        await api.ask("PUT", "webhooks/attempts"),
        await api.get("/nowhere"),
        await api.get("/healthz"),
        await api.get("/readyz"),
    ]
    for reply in replies:
        check_anonymous(reply.headers)
    request = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
    check_anonymous((await exchanged(shared.service.metrics_port, request)).headers)


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
@pytest.mark.parametrize("begun", [b"", b'{"data": '], ids=["no byte", "some bytes"])
@pytest.mark.parametrize(
    "length", [b"Content-Length: 100", b"Transfer-Encoding: chunked"], ids=["length", "chunked"]
)
async def test_a_client_that_hangs_up_while_it_sends_is_no_bug(
    shared: SharedService, length: bytes, begun: bytes, reset: bool
) -> None:
    api = await shared.tenant()
    path = f"/v2/accounts/{api.account_id}/webhooks"
    body = begun if length.startswith(b"Content") or not begun else b"9\r\n" + begun + b"\r\n"
    head = f"PUT {path} HTTP/1.1\r\nHost: x\r\nX-Auth-Token: {api.token}\r\n"
    before = len(shared.service.log.read_text())
    async with connected(shared.service.port) as (reader, writer):
        # The service says that it has read the head, and waits for the body.
        writer.write(head.encode() + length + b"\r\nExpect: 100-continue\r\n\r\n")
        assert (await read_answer(reader)).status == 100
        writer.write(body)
        if reset:
            own = writer.get_extra_info("socket")
            own.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
        writer.close()

    async def noticed() -> bool:
        return "api.hung_up" in shared.service.log.read_text()[before:]

    await eventually(noticed, what="the end of the request")
    log = shared.service.log.read_text()[before:]
    assert "api.bug" not in log
    assert "Traceback" not in log
    assert (await api.get("webhooks")).data == []


@pytest.mark.parametrize("control", CONTROLS, ids=repr)
async def test_a_control_character_in_any_string_of_a_body_is_named(
    api: Client, control: str
) -> None:
    bad = f"a{control}b"
    bodies: list[tuple[dict[str, Any], str]] = [
        (GOOD | {"name": bad}, "name"),
        (GOOD | {"hook": bad}, "hook"),
        (GOOD | {"uri": f"https://x.example/{bad}"}, "uri"),
        (GOOD | {"secret": bad * 8}, "secret"),
        (GOOD | {"custom_data": {"k": bad}}, "custom_data.k"),
        (GOOD | {"custom_data": {bad: "v"}}, f"custom_data.{bad}"),
        (GOOD | {"modifiers": {"k": ["v", bad]}}, "modifiers.k.1"),
        (GOOD | {"headers": {"X-Key": bad}}, "headers.X-Key"),
        (GOOD | {"auth": {"type": "bearer", "token": bad}}, "auth.token"),
        (GOOD | {"nobody_knows": [{"k": bad}]}, "nobody_knows.0.k"),
    ]
    for members, field in bodies:
        for body in (members, {"data": members}):
            reply = await api.ask("PUT", "webhooks", body)
            check_envelope(reply, 400)
            assert problem(reply, field) == {
                "invalid": {"message": "control characters are not allowed"}
            }
    question = {"hook": "channel_create", "event": {"Caller-ID-Name": bad}}
    reply = await api.post("webhooks/match", **question)
    assert "invalid" in problem(reply, "event.Caller-ID-Name")
    reply = await api.post("dead_letters/replay", ids=["x", bad])
    assert "invalid" in problem(reply, "ids.1")


async def test_what_wraps_a_body_is_judged_as_well(api: Client) -> None:
    reply = await api.ask("PUT", "webhooks", {"data": GOOD, "metadata": {"by": "a\0"}})
    assert "invalid" in problem(reply, "metadata.by")


async def test_the_deepest_string_of_a_body_is_found(api: Client) -> None:
    deep: Any = "a\0b"
    for _ in range(500):
        deep = {"k": deep}
    reply = await api.ask("PUT", "webhooks", GOOD | {"custom_data": deep})
    check_envelope(reply, 400)


async def test_letters_of_any_script_are_no_control_characters(shared: SharedService) -> None:
    owner = await shared.tenant()
    name = "Žofie 📞 \u00a0\u2028 \u202eعربي"
    created = await owner.create("http://127.0.0.1:9/", name=name, custom_data={"ž": name})
    assert created["name"] == name
    found = await owner.get("webhooks", filter_name=name)
    assert [webhook["id"] for webhook in found.data] == [created["id"]]


@pytest.mark.parametrize("control", CONTROLS, ids=repr)
async def test_a_control_character_in_query_or_path_is_refused(api: Client, control: str) -> None:
    bad = f"a{control}b"
    for path, key, value in (
        ("webhooks", "filter_name", bad),
        ("webhooks", "start_key", bad),
        ("webhooks", f"filter_{bad}", "x"),
        ("webhooks/attempts", "call_id", bad),
        ("webhooks/attempts", f"nobody_knows_{bad}", "x"),
        ("dead_letters", "filter_endpoint", bad),
    ):
        reply = await api.get(path, **{key: value})
        check_envelope(reply, 400)
        assert "invalid" in problem(reply, key)
    for path in ("webhooks/{}", "webhooks/{}/attempts", "dead_letters/{}", "webhooks/samples/{}"):
        where = f"/v2/accounts/{api.account_id}/{path.format(quote(bad))}"
        answer = await raw_get(api, where)
        check_envelope(answer, 400)
        assert "invalid" in problem(answer, "path")
    check_error(await raw_get(api, f"/v2/accounts/{quote(bad)}/webhooks"), 404, "bad_identifier")


async def raw_get(api: Client, path: str) -> Reply:
    """Ask for a path as it is written: client libraries write escapes anew."""
    port = int(api.url.rsplit(":", 1)[1])
    head = f"GET {path} HTTP/1.1\r\nHost: x\r\nX-Auth-Token: {api.token}\r\n\r\n"
    answer = await exchanged(port, head.encode())
    return Reply(answer.status, answer.envelope, {"X-Request-ID": answer.headers["x-request-id"]})
