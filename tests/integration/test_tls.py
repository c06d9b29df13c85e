"""TLS to endpoints: five bad certificates, and more, fail by name before a byte is sent."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import uvloop
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from service.adapters.http.sender import HttpSender
from service.adapters.http.tls import contexts_of, verifying_context
from service.dev.servers import HOST
from service.domain.delivery import Outcome, Request, Response
from service.domain.errors import SettingsError
from service.domain.policy import ClientCertificate, EgressPolicy, HttpPolicy, TlsPolicy
from service.observability.metrics import Metrics
from tests.certificates import Authority, Certificate, openssl
from tests.diverted_network import DivertedNetwork
from tests.integration.bad_certificates import BAD, NAME
from tests.integration.tls_server import OK_AND_CLOSE, context_of, no_newer_than, serving

pytestmark = pytest.mark.usefixtures("either_way")

HTTP = HttpPolicy(connect_timeout_s=2.0, total_timeout_s=3.0)
URI = "https://hooks.example.net/"
DAY = timedelta(days=1)


@asynccontextmanager
async def sender(
    port: int, tls: TlsPolicy, registry: CollectorRegistry | None = None
) -> AsyncIterator[HttpSender]:
    network = DivertedNetwork({"hooks.example.net": [["93.184.216.34"]]}, port)
    metrics = Metrics(registry or CollectorRegistry(), [])
    made = HttpSender(HTTP, EgressPolicy(), metrics, tls, system=network.system())
    await made.prepare()
    try:
        yield made
    finally:
        await made.close()


async def send(port: int, tls: TlsPolicy, uri: str = URI, account: str = "a") -> Response:
    async with sender(port, tls) as made:
        return await made.send(asking(uri, account))


def asking(uri: str = URI, account: str = "a") -> Request:
    return Request("POST", uri, "", {"Authorization": "hush"}, b"{}", account_id=account)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tls")


@pytest.fixture(scope="module")
def authority(directory: Path) -> Authority:
    return Authority(directory / "ca")


@pytest.fixture(scope="module")
def stranger(directory: Path) -> Authority:
    return Authority(directory / "stranger")


@pytest.fixture(scope="module")
def good(authority: Authority) -> Certificate:
    return authority.sign(NAME)


@pytest.fixture
def believing(authority: Authority) -> TlsPolicy:
    return TlsPolicy(ca_file=authority.own.cert_file)


@pytest.mark.parametrize("detail", BAD)
async def test_a_bad_certificate_fails_by_its_name_and_nothing_is_sent(
    detail: str, authority: Authority, stranger: Authority, directory: Path, believing: TlsPolicy
) -> None:
    certificate = BAD[detail](authority, stranger, directory)
    with serving(context_of(certificate)) as server:
        response = await send(server.port, believing)
    assert (response.outcome, response.detail) == (Outcome.TLS_FAILED, detail)
    assert response.outcome.may_pass
    assert server.received == b""
    assert server.names == ["hooks.example.net"], "it did come to a handshake"


async def test_a_protocol_that_is_too_old_fails_by_its_name_and_nothing_is_sent(
    good: Certificate, believing: TlsPolicy
) -> None:
    context = no_newer_than(context_of(good), ssl.TLSVersion.TLSv1_1)
    with serving(context) as server:
        response = await send(server.port, believing)
    assert (response.outcome, response.detail) == (Outcome.TLS_FAILED, "protocol_too_old")
    assert server.handshakes == 0
    assert server.received == b""


async def test_a_server_that_speaks_no_tls_is_told_nothing(believing: TlsPolicy) -> None:
    heard = bytearray()

    async def saying_http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.extend(await reader.read(65_536))
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        heard.extend(await reader.read())
        writer.close()

    async with await asyncio.start_server(saying_http, HOST, 0) as listening:
        response = await send(listening.sockets[0].getsockname()[1], believing)
    assert (response.outcome, response.detail) == (Outcome.TLS_FAILED, "not_tls")
    assert heard, "it did come to a handshake"
    assert b"hush" not in heard


async def test_an_address_must_be_in_the_certificate_too(
    good: Certificate, believing: TlsPolicy
) -> None:
    with serving(context_of(good)) as server:
        response = await send(server.port, believing, "https://8.8.8.8/")
    assert (response.outcome, response.detail) == (Outcome.TLS_FAILED, "wrong_host")
    assert server.received == b""


async def test_the_operators_authority_is_believed_and_nobody_else_does(
    good: Certificate, believing: TlsPolicy
) -> None:
    with serving(context_of(good)) as server:
        assert (await send(server.port, TlsPolicy())).detail == "unknown_ca"
        assert server.received == b""
        assert (await send(server.port, believing)).outcome is Outcome.SUCCEEDED
        assert server.received.endswith(b"{}")


async def test_tls_1_2_is_good_enough(good: Certificate, believing: TlsPolicy) -> None:
    context = context_of(good)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with serving(context) as server:
        assert (await send(server.port, believing)).outcome is Outcome.SUCCEEDED


@pytest.mark.parametrize(
    ("version", "detail"),
    [
        (ssl.TLSVersion.TLSv1_2, "sslv3_alert_handshake_failure"),
        (ssl.TLSVersion.TLSv1_3, "client_certificate_required"),
    ],
)
async def test_a_client_certificate_is_shown_in_its_accounts_name_only(
    version: ssl.TLSVersion, detail: str, authority: Authority, good: Certificate, either_way: bool
) -> None:
    shown = authority.sign("DNS:account-a")
    mine = ClientCertificate("a", shown.cert_file, shown.key_file)
    tls = TlsPolicy(authority.own.cert_file, (mine,))
    context = context_of(good)
    context.maximum_version = version
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(authority.own.cert_file)
    with serving(context) as server:
        async with sender(server.port, tls) as made:
            # The connection of one account is open, and free, when the other one asks.
            assert (await made.send(asking(account="a"))).outcome is Outcome.SUCCEEDED
            before = len(server.received)
            other = await made.send(asking(account="b"))
            assert other.outcome is Outcome.TLS_FAILED, other
            assert len(server.received) == before
            assert (await made.send(asking(account="a"))).outcome is Outcome.SUCCEEDED
    assert server.handshakes == (1 if either_way else 2), "the fast path used it again"
    assert other.detail == detail


@pytest.mark.parametrize(
    ("tls", "key"),
    [
        (TlsPolicy(ca_file=Path("/nowhere/ca.pem")), "tls.ca_file"),
        (TlsPolicy(ca_file=Path(__file__)), "tls.ca_file"),
        (
            TlsPolicy(client_certificates=(ClientCertificate("a", Path("/no"), Path("/no")),)),
            "tls.client_certificates",
        ),
    ],
    ids=["missing", "no-certificate", "missing-client-certificate"],
)
async def test_a_file_that_cannot_be_used_is_named_at_the_start(tls: TlsPolicy, key: str) -> None:
    with pytest.raises(SettingsError, match=rf"{key}: /.* cannot be used") as error:
        HttpSender(HTTP, EgressPolicy(), Metrics(CollectorRegistry(), []), tls)
    assert len(error.value.problems) == 1


def test_a_key_with_a_password_is_not_waited_for(good: Certificate, directory: Path) -> None:
    locked = directory / "locked.key"
    source = ("-in", good.key_file, "-out", locked)
    openssl("ec", *source, "-aes256", "-passout", "pass:hush")
    policy = TlsPolicy(client_certificates=(ClientCertificate("a", good.cert_file, locked),))
    with pytest.raises(SettingsError, match=r"tls\.client_certificates"):
        contexts_of(policy)


async def test_a_certificate_that_ends_soon_is_counted_and_told_of_once_a_day(
    authority: Authority, believing: TlsPolicy
) -> None:
    registry = CollectorRegistry()
    soon = authority.sign(NAME, begins=-80 * DAY, ends=10 * DAY)
    with serving(context_of(soon), OK_AND_CLOSE) as server, capture_logs() as logs:
        async with sender(server.port, believing, registry) as made:
            for _ in range(3):
                assert (await made.send(asking())).outcome is Outcome.SUCCEEDED
    assert server.handshakes == 3, "each time it was seen anew"
    [line] = [line for line in logs if line["event"] == "endpoint.certificate_expiring"]
    assert line["host"] == "hooks.example.net"
    assert registry.get_sample_value("switchhook_endpoint_certificates_expiring") == 1.0


def test_the_certificate_is_seen_by_the_loop_that_the_service_runs_on(
    authority: Authority,
) -> None:
    seen: list[str] = []
    certificate = authority.sign(NAME)

    async def shake_hands() -> None:
        tls = TlsPolicy(authority.own.cert_file)
        context = verifying_context(tls, lambda host, _: seen.append(host))
        with serving(context_of(certificate)) as server:
            _, writer = await asyncio.open_connection(
                HOST, server.port, ssl=context, server_hostname="hooks.example.net"
            )
            writer.close()
            await writer.wait_closed()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(shake_hands())
    assert seen == ["hooks.example.net"]
