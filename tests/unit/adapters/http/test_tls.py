"""The parts of TLS that need no handshake."""

import math
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from service.adapters.http import tls
from service.adapters.http.tls import CertificateWatch, examine_tls, tls_detail, verifying_context
from service.domain.policy import ClientCertificate, TlsPolicy

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now.timestamp()


def certificate(begins: datetime, ends: datetime) -> dict[str, str]:
    written = "%b %d %H:%M:%S %Y GMT"
    return {"notBefore": begins.strftime(written), "notAfter": ends.strftime(written)}


@pytest.mark.parametrize(
    ("life", "left", "expiring"),
    [
        (90 * DAY, 15 * DAY, 0),
        (90 * DAY, 13 * DAY, 1),
        (6 * DAY, 3 * DAY, 0),
        (6 * DAY, 1 * DAY, 1),
        (90 * DAY, -1 * DAY, 0),
    ],
)
def test_soon_is_two_weeks_or_a_third_of_a_life(
    life: timedelta, left: timedelta, expiring: int
) -> None:
    watch = CertificateWatch(Clock())
    watch.handshaken("a.example", certificate(NOW + left - life, NOW + left))
    assert len(watch.expiring()) == expiring


def test_a_host_is_told_of_once_a_day_and_not_after_it_was_renewed() -> None:
    clock = Clock()
    watch = CertificateWatch(clock)
    old = certificate(NOW - 80 * DAY, NOW + 10 * DAY)
    with capture_logs() as logs:
        for _ in range(6):
            watch.handshaken("a.example", old)
            clock.now += DAY / 2
        assert len(watch.expiring()) == 1
        watch.handshaken("a.example", certificate(clock.now, clock.now + 90 * DAY))
        assert len(watch.expiring()) == 0
    assert len(logs) == 3
    assert logs[0]["host"] == "a.example"
    assert logs[0]["expires_at"] == "2026-01-11T00:00:00+00:00"


def test_the_soonest_of_the_dates_is_told() -> None:
    watch = CertificateWatch(Clock())
    assert watch.soonest_s() == math.inf
    for host, left in (("a.example", 3 * DAY), ("b.example", DAY), ("c.example", 80 * DAY)):
        watch.handshaken(host, certificate(NOW - 80 * DAY, NOW + left))
    assert watch.soonest_s() == DAY.total_seconds()
    assert watch.expiring().keys() == {"a.example", "b.example"}


def test_what_has_ended_is_no_longer_ending() -> None:
    clock = Clock()
    watch = CertificateWatch(clock)
    watch.handshaken("a.example", certificate(NOW - 80 * DAY, NOW + DAY))
    assert len(watch.expiring()) == 1
    clock.now += 2 * DAY
    assert len(watch.expiring()) == 0


def test_no_number_of_hosts_fills_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tls, "MOST_HOSTS", 3)
    watch = CertificateWatch(Clock())
    for number in range(10):
        watch.handshaken(f"{number}.example", certificate(NOW - 80 * DAY, NOW + DAY))
    assert len(watch.expiring()) == 3


def test_every_file_that_cannot_be_used_is_named_beforehand(tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere"
    missing = tuple(ClientCertificate(account, nowhere, nowhere) for account in "ab")
    findings = [*examine_tls(TlsPolicy(client_certificates=missing))]
    assert [finding.fatal for finding in findings] == [True, True]
    assert str(nowhere) in findings[0].text
    assert "tls.ca_file" in str([*examine_tls(TlsPolicy(ca_file=nowhere))])
    assert [finding.fatal for finding in examine_tls(TlsPolicy())] == [False]


def test_an_unknown_cause_has_the_word_of_the_library() -> None:
    error = ssl.SSLCertVerificationError(1, "odd")
    error.verify_code = 79
    assert tls_detail(error) == "certificate_error_79"
    other = ssl.SSLError(1, "odd")
    assert tls_detail(other) == "handshake_failed"
    other.reason = "TLSV1_ALERT_INTERNAL_ERROR"
    assert tls_detail(other) == "tlsv1_alert_internal_error"


def test_tls_is_verified_and_not_older_than_1_2() -> None:
    context = verifying_context(TlsPolicy())
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
