"""Actionable webhooks are asked by TLS as deliveries are made: no question goes to a bad server."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from service.adapters.http.sender import HttpSender
from service.adapters.http.uri_guard import ResolvingGuard
from service.answers.policy import AnswerPolicy
from service.domain.answer import AnswerSource
from service.domain.delivery import Outcome
from service.domain.policy import EgressPolicy, HttpPolicy, TlsPolicy
from service.domain.webhook import Asking, Webhook
from service.observability.tracing import PassingOn
from service.pipeline.ask.asker import Asker
from service.pipeline.ask.check import AnswerCheck
from service.pipeline.ask.values import Applied, Ask
from service.pipeline.attempt import Attempter
from service.pipeline.outcomes.attempt_writer import AttemptWriter
from service.pipeline.outcomes.report import Reporter
from service.pipeline.request.access_tokens import AccessTokens
from tests.builders import make_places, make_webhook
from tests.certificates import Authority
from tests.dialects import DIALECTS
from tests.diverted_network import DivertedNetwork
from tests.fakes import FakeLog, make_metrics
from tests.integration.bad_certificates import BAD, NAME
from tests.integration.tls_server import context_of, serving

HTTP = HttpPolicy(connect_timeout_s=2.0, total_timeout_s=3.0)
NAMES = {"hooks.example.net": [["93.184.216.34"]]}
URI = "https://hooks.example.net/ivr"
STATIC = Asking("k", static_answer="<Response><Hangup/></Response>")
ASKED = b"Call-ID=c1"
HANGUP = b"<Response><Hangup/></Response>"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\nContent-Length: %d\r\n\r\n%s"


@asynccontextmanager
async def asker(port: int, tls: TlsPolicy) -> AsyncIterator[Asker]:
    """An asker whose requests leave by the real sender, diverted to a port of this machine."""
    metrics, system = make_metrics(), DivertedNetwork(NAMES, port).system()
    sender = HttpSender(HTTP, EgressPolicy(), metrics, tls, system=system)
    await sender.prepare()
    writer = AttemptWriter(FakeLog(), metrics, 100, record_successes=True)
    try:
        yield Asker(
            attempter=Attempter(sender, AccessTokens(sender), PassingOn()),
            check=AnswerCheck(ResolvingGuard(EgressPolicy(), system=system), AnswerPolicy()),
            reporter=Reporter(writer, metrics),
            dialects=DIALECTS,
            places=make_places(lane="asks"),
            metrics=metrics,
        )
    finally:
        await sender.close()


async def asked(port: int, tls: TlsPolicy, webhook: Webhook) -> Applied:
    question = DIALECTS.questions["pivot"]
    async with asker(port, tls) as made:
        return await made.ask(Ask("a" * 32, question, webhook, {"Call-ID": "c1"}, ""))


def ivr(uri: str = URI, **members: Any) -> Webhook:
    return make_webhook(hook="pivot", uri=uri, asking=STATIC, **members)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("asked_tls")


@pytest.fixture(scope="module")
def authority(directory: Path) -> Authority:
    return Authority(directory / "ca")


@pytest.fixture(scope="module")
def stranger(directory: Path) -> Authority:
    return Authority(directory / "stranger")


@pytest.fixture
def believing(authority: Authority) -> TlsPolicy:
    return TlsPolicy(ca_file=authority.own.cert_file)


@pytest.mark.parametrize("detail", BAD)
async def test_no_question_is_sent_under_a_bad_certificate(
    detail: str, authority: Authority, stranger: Authority, directory: Path, believing: TlsPolicy
) -> None:
    certificate = BAD[detail](authority, stranger, directory)
    with serving(context_of(certificate)) as server:
        applied = await asked(server.port, believing, ivr(fallback_uri=URI))
    assert applied.source is AnswerSource.STATIC
    assert applied.reasons == ("primary: tls_failed", "fallback: tls_failed")
    assert [one.response.detail for one in applied.attempts] == [detail, detail]
    assert server.received == b""
    assert set(server.names) == {"hooks.example.net"}, "it did come to a handshake"


async def test_the_same_server_is_asked_under_a_good_one(
    authority: Authority, believing: TlsPolicy
) -> None:
    with serving(context_of(authority.sign(NAME))) as server:
        server.answer, server.question_end = ANSWER % (len(HANGUP), HANGUP), ASKED
        applied = await asked(server.port, believing, ivr())
    assert applied.source is AnswerSource.PRIMARY
    assert server.received.startswith(b"POST /ivr ")


async def test_an_account_that_needs_https_asks_nobody_by_plain_http(believing: TlsPolicy) -> None:
    webhook = ivr("http://hooks.example.net/ivr", https_only=True)
    applied = await asked(1, believing, webhook)
    assert applied.source is AnswerSource.STATIC
    [attempt] = applied.attempts
    assert attempt.response.outcome is Outcome.EGRESS_REFUSED


async def test_a_document_with_an_address_on_plain_http_is_refused_there(
    authority: Authority, believing: TlsPolicy
) -> None:
    document = b"<Response><Redirect>http://hooks.example.net/next</Redirect></Response>"
    with serving(context_of(authority.sign(NAME))) as server:
        server.answer, server.question_end = ANSWER % (len(document), document), ASKED
        applied = await asked(server.port, believing, ivr(https_only=True))
    assert (applied.source, applied.reasons) == (AnswerSource.STATIC, ("primary: bad_url",))
