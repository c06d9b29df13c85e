"""Nobody gets in: what is dialled, seen at the socket and by listeners on forbidden addresses."""

import asyncio
import socket
import ssl
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from service.adapters.http.dialling import JudgingResolver, judged_connector
from service.adapters.http.sender import HttpSender
from service.adapters.http.tls import verifying_context
from service.adapters.http.uri_guard import ResolvingGuard
from service.dev.receiver import Receiver
from service.dev.servers import HOST
from service.domain.delivery import Outcome, Request, Response
from service.domain.policy import EgressPolicy, HttpPolicy, TlsPolicy
from service.egress.guard import EgressGuard, System
from service.egress.own_addresses import is_own
from service.egress.rules import in_words
from service.observability.metrics import Metrics
from tests.certificates import Authority, Certificate
from tests.diverted_network import DivertedNetwork
from tests.egress_vectors import CASES, SELF, Case

pytestmark = pytest.mark.usefixtures("either_way")

HTTP = HttpPolicy(connect_timeout_s=2.0, total_timeout_s=3.0)
STRICT = EgressPolicy()
LOOPBACK = EgressPolicy(allow=(ip_network("127.0.0.0/8"),))
NAMES = (
    "DNS:example.com", "DNS:*.example.com", "DNS:*.example.net", "DNS:xn--fa-hia.de",
    "DNS:my_host.example.com",
    "IP:8.8.8.8", "IP:2606:4700:4700::1111",
)  # fmt: skip


@dataclass
class StandIn:
    """Plays a public server: notes the requests and answers all of them alike."""

    answer: bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0
    port: int = 0

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            self.requests.append(await reader.readuntil(b"\r\n\r\n{}"))
            writer.write(self.answer)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()


@asynccontextmanager
async def standing_in(
    certificate: Certificate | None = None, answer: bytes | None = None
) -> AsyncIterator[StandIn]:
    context = None
    if certificate is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate.cert_file, certificate.key_file)
    stand_in = StandIn() if answer is None else StandIn(answer)
    listening = await asyncio.start_server(stand_in.handle, HOST, 0, ssl=context)
    stand_in.port = listening.sockets[0].getsockname()[1]
    async with listening:
        yield stand_in


@asynccontextmanager
async def sender(
    egress: EgressPolicy, system: System, ca_file: Path | None = None, *own_ports: int
) -> AsyncIterator[HttpSender]:
    metrics = Metrics(CollectorRegistry(), [])
    made = HttpSender(HTTP, egress, metrics, TlsPolicy(ca_file), own_ports, system)
    await made.prepare()
    try:
        yield made
    finally:
        await made.close()


def asking(uri: str) -> Request:
    return Request("POST", uri, "", {"X-Hook-ID": "h"}, b"{}")


async def send(uri: str, egress: EgressPolicy, system: System) -> Response:
    async with sender(egress, system) as made:
        return await made.send(asking(uri))


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca") / "ca")


@pytest.fixture(scope="module")
def certificate(authority: Authority) -> Certificate:
    return authority.sign(*NAMES)


@pytest.fixture
def _proxies_around(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login somebody password hush\n", "utf-8")
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, f"http://{HOST}:1")
        monkeypatch.setenv(name.upper(), f"http://{HOST}:1")


def cases(*, allowed: bool, stages: tuple[str, ...]) -> pytest.MarkDecorator:
    chosen = [c for c in CASES if c.allowed is allowed and c.shared in stages and c.case_id != SELF]
    return pytest.mark.parametrize("case", chosen, ids=lambda case: case.case_id)


@cases(allowed=True, stages=("connect",))
@pytest.mark.usefixtures("_proxies_around")
async def test_what_is_allowed_is_dialled_at_its_own_address(
    case: Case, authority: Authority, certificate: Certificate
) -> None:
    secure = case.uri.lower().startswith("https")
    async with standing_in(certificate if secure else None) as public:
        network = DivertedNetwork(case.answers, public.port)
        async with sender(case.policy, network.system(), authority.own.cert_file) as made:
            response = await made.send(asking(case.uri))
    assert response.outcome is Outcome.SUCCEEDED, response
    [(address, port)] = network.dialled
    assert port == (8443 if ":8443" in case.uri else 443 if secure else 80)
    assert not case.resolve or address in case.resolve[0]
    [request] = public.requests
    assert b"authorization" not in request.lower()


async def test_the_uri_reaches_the_wire_as_it_was_written(
    authority: Authority, certificate: Certificate
) -> None:
    [case] = [case for case in CASES if case.case_id == "control-03"]
    async with standing_in(certificate) as public:
        network = DivertedNetwork(case.answers, public.port)
        async with sender(case.policy, network.system(), authority.own.cert_file) as made:
            await made.send(asking(case.uri))
    assert public.requests[0].startswith(b"POST /a/b?x=1&y=%2F HTTP/1.1\r\n")


@cases(allowed=False, stages=("parse", "resolve"))
@pytest.mark.usefixtures("_proxies_around")
async def test_no_socket_is_made_for_what_is_refused(case: Case) -> None:
    network = DivertedNetwork(case.answers)
    response = await send(case.uri, case.policy, network.system())
    if case.document.get("retryable"):
        assert response.outcome is Outcome.DNS_FAILED
        assert response.outcome.may_pass
    else:
        assert response.outcome in (Outcome.EGRESS_REFUSED, Outcome.INVALID_REQUEST)
        assert not response.outcome.may_pass
    assert network.sockets == 0
    assert network.dialled == []
    addresses = [answer for answers in case.resolve for answer in answers]
    assert not any(address in (response.detail or "") for address in addresses)


@cases(allowed=False, stages=("parse", "resolve"))
async def test_the_connector_alone_makes_no_socket_either(case: Case) -> None:
    network = DivertedNetwork(case.answers, otherwise="10.0.0.5")
    guard, system = EgressGuard(case.policy), network.system()
    resolver, context = JudgingResolver(guard, system), verifying_context(TlsPolicy())
    connector = judged_connector(guard, system, resolver, context, 1, kept=True)
    async with aiohttp.ClientSession(connector=connector) as session:
        with pytest.raises((aiohttp.ClientError, ValueError, OSError, AssertionError)):
            await session.post(case.uri, allow_redirects=False)
    await resolver.close()
    assert network.sockets == 0


@cases(allowed=False, stages=("connect",))
async def test_a_name_that_turns_bad_after_it_was_judged_is_not_dialled(case: Case) -> None:
    network = DivertedNetwork(case.answers)
    made_as = await ResolvingGuard(case.policy, system=network.system()).refusal(case.uri)
    assert (made_as is None) == (len(case.resolve) == 2)
    response = await send(case.uri, case.policy, network.system())
    assert response.outcome is Outcome.EGRESS_REFUSED
    assert network.sockets == 0


@cases(allowed=False, stages=("response",))
async def test_a_redirect_leads_nowhere(
    case: Case, authority: Authority, certificate: Certificate
) -> None:
    told = case.document["response"]
    head = f"HTTP/1.1 {told['status']} Away\r\nLocation: {told['location']}\r\n"
    async with standing_in(certificate, f"{head}Content-Length: 0\r\n\r\n".encode()) as public:
        network = DivertedNetwork(case.answers, public.port)
        async with sender(case.policy, network.system(), authority.own.cert_file) as made:
            response = await made.send(asking(case.uri))
    assert (response.outcome, response.status) == (Outcome.REDIRECTED, told["status"])
    assert network.dialled == [("93.184.216.34", 443)]
    assert public.connections == 1


@cases(allowed=False, stages=("parse",))
async def test_a_listener_on_the_forbidden_address_is_never_touched(case: Case) -> None:
    async with standing_in() as forbidden:
        response = await send(case.at_port(forbidden.port), case.policy, System())
        assert response.outcome in (Outcome.EGRESS_REFUSED, Outcome.INVALID_REQUEST)
    assert forbidden.connections == 0


async def test_the_listener_would_have_noticed() -> None:
    async with standing_in() as listener:
        response = await send(f"http://127.0.0.1:{listener.port}/", LOOPBACK, System())
    assert response.outcome is Outcome.SUCCEEDED
    assert listener.connections == 1


async def test_the_service_does_not_call_itself(receiver: Receiver) -> None:
    # Case self-01: the public address of this machine is played by one of loopback.
    other = receiver.port + 1 if receiver.port < 65_535 else 1
    async with sender(LOOPBACK, System(), None, receiver.port, other) as made:
        response = await made.send(asking(receiver.url("/")))
    assert response.outcome is Outcome.EGRESS_REFUSED
    assert response.detail == f"egress refused by {in_words('self')}"
    assert receiver.requests == []
    guard = ResolvingGuard(LOOPBACK, {receiver.port})
    assert await guard.refusal(receiver.url("/")) == "self"


def test_the_addresses_of_this_machine_are_known() -> None:
    assert all(map(is_own, ["127.0.0.1", "127.0.0.9", "0.0.0.0", "::1"]))  # noqa: S104
    assert not any(map(is_own, ["93.184.216.34", "192.0.2.1", "2606:4700:4700::1111"]))


async def test_the_operator_is_told_the_address_and_the_account_is_not() -> None:
    network = DivertedNetwork({"hooks.example.net": [["10.0.0.5"]]})
    with capture_logs() as logs:
        response = await send("https://hooks.example.net/?t=hush", STRICT, network.system())
        rule = await ResolvingGuard(STRICT, system=network.system()).refusal("http://10.0.0.5/")
    assert response.detail == f"egress refused by {in_words('not_public')}"
    assert rule == "not_public"
    first, second = [line for line in logs if line["event"] == "egress.refused"]
    assert first["log_level"] == "warning"
    assert (first["rule"], first["address"]) == ("not_public", "10.0.0.5")
    assert first["host"] == "hooks.example.net"
    assert second["address"] == "10.0.0.5"
    assert "hush" not in str(logs)


async def test_another_machine_may_listen_on_a_port_that_is_ours_here() -> None:
    network = DivertedNetwork({"hooks.example.net": [["93.184.216.34"]]})
    async with sender(EgressPolicy(), network.system(), None, 8080) as made:
        response = await made.send(asking("http://hooks.example.net:8080/"))
    assert response.outcome is Outcome.REFUSED
    assert network.dialled == [("93.184.216.34", 8080)]


async def test_names_that_nobody_answers_for_hold_up_no_others() -> None:
    released = threading.Event()
    network = DivertedNetwork({"hooks.example.net": [["93.184.216.34"]]})

    def lookup(host: str, port: int, *rest: int) -> list[Any]:
        if host.startswith("dead"):
            released.wait(5.0)
            raise socket.gaierror(socket.EAI_AGAIN, "nobody answers")
        return network.system().lookup(host, port, *rest)

    system = System(lookup, network.system().new_socket)
    async with sender(STRICT, system) as made, asyncio.TaskGroup() as tasks:
        dead = [asking(f"http://dead{number}.example.net/") for number in range(20)]
        waiting = [tasks.create_task(made.send(request)) for request in dead]
        await asyncio.sleep(0.05)
        async with asyncio.timeout(1.0):
            response = await made.send(asking("http://hooks.example.net/"))
        assert response.outcome is Outcome.REFUSED
        released.set()
        outcomes = {(await task).outcome for task in waiting}
    assert outcomes == {Outcome.DNS_FAILED}
