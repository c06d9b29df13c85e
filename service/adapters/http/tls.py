"""TLS to endpoints: always verified, 1.2 or later; causes of failures, expiring certificates."""

import math
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog

from service.bounded import BoundedDict
from service.domain.errors import SettingsError
from service.domain.finding import Finding, fine, trouble
from service.domain.policy import ClientCertificate, TlsPolicy

WARN_BEFORE_S = 14 * 86_400.0
WARN_AGAIN_S = 86_400.0
MOST_HOSTS = 10_000
EVERYBODY = ""
"""Key, in place of an account id, for requests without a client certificate."""

log = structlog.get_logger(__name__)

Handshaken = Callable[[str, Mapping[str, Any]], None]
"""Called once per connection with the host and its certificate."""

_BY_VERIFY_CODE = {
    9: "certificate_not_yet_valid",
    10: "certificate_expired",
    18: "self_signed",
    19: "unknown_ca",
    20: "unknown_ca",
    21: "unknown_ca",
    23: "certificate_revoked",
    26: "certificate_not_for_servers",
    62: "wrong_host",
    64: "wrong_host",
}
"""Codes of OpenSSL's x509_vfy.h."""
_BY_REASON = {
    "NO_PROTOCOLS_AVAILABLE": "protocol_too_old",
    "TLSV1_ALERT_PROTOCOL_VERSION": "protocol_too_old",
    "UNSUPPORTED_PROTOCOL": "protocol_too_old",
    "WRONG_SSL_VERSION": "protocol_too_old",
    "WRONG_VERSION_NUMBER": "not_tls",
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "client_certificate_required",
}


def tls_detail(error: ssl.SSLError) -> str:
    """Return the cause of a TLS failure as one word, the same for every host."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _BY_VERIFY_CODE.get(error.verify_code, f"certificate_error_{error.verify_code}")
    reason = getattr(error, "reason", None) or "handshake_failed"
    return _BY_REASON.get(reason, reason.lower())


def verifying_context(policy: TlsPolicy, handshaken: Handshaken | None = None) -> ssl.SSLContext:
    """Return a context that verifies certificate and name, and needs at least TLS 1.2.

    Raises SettingsError if a file of the operator's cannot be used.
    """
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    if policy.ca_file is not None:
        _load(lambda: context.load_verify_locations(policy.ca_file), "tls.ca_file", policy.ca_file)
    if handshaken is not None:
        context.sslobject_class = _telling(handshaken)
    return context


def contexts_of(
    policy: TlsPolicy, handshaken: Handshaken | None = None
) -> dict[str, ssl.SSLContext]:
    """Return the context of each account with a client certificate, and that of `EVERYBODY`.

    Raises SettingsError with every file of the operator's that cannot be used.
    """
    contexts = {EVERYBODY: verifying_context(policy, handshaken)}
    problems: list[str] = []
    for certificate in policy.client_certificates:
        context = verifying_context(policy, handshaken)
        try:
            _show(context, certificate)
        except SettingsError as error:
            problems += error.problems
        contexts[certificate.account_id] = context
    if problems:
        raise SettingsError(problems)
    return contexts


def examine_tls(policy: TlsPolicy) -> Iterator[Finding]:
    """Yield the findings of `switchhook check` about the operator's files."""
    try:
        contexts_of(policy)
    except SettingsError as error:
        for problem in error.problems:
            yield trouble("tls", problem, "it must be PEM, and readable by the service")
    else:
        yield fine("tls", "certificates are verified; every file named can be used")


def _show(context: ssl.SSLContext, certificate: ClientCertificate) -> None:
    files = certificate.cert_file, certificate.key_file
    # Without a password, OpenSSL would prompt for one on the terminal and wait.
    _load(lambda: context.load_cert_chain(*files, password=""), "tls.client_certificates", files[0])


def _load(load: Callable[[], None], key: str, path: Path) -> None:
    try:
        load()
    except (OSError, ssl.SSLError) as error:
        raise SettingsError([f"{key}: {path} cannot be used: {error}"]) from error


def _telling(handshaken: Handshaken) -> type[ssl.SSLObject]:
    """Return a class of TLS connections that reports the peer's certificate after the handshake."""

    class Telling(ssl.SSLObject):
        def do_handshake(self) -> None:
            super().do_handshake()
            certificate = self.getpeercert()
            if certificate:
                handshaken(self.server_hostname or "", certificate)

    return Telling


@dataclass(slots=True)
class Expiring:
    """A certificate that expires soon; unix seconds."""

    expires_at: float
    warned_at: float


class CertificateWatch:
    """Records hosts whose certificates expire soon, and logs a warning for each once a day.

    Soon is within 14 days, or within a third of the certificate's lifetime if that is less: some
    certificates are valid for a week.
    """

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._hosts = BoundedDict[str, Expiring](MOST_HOSTS)

    def handshaken(self, host: str, certificate: Mapping[str, Any]) -> None:
        """Note the certificate of a host."""
        try:
            begins_at = ssl.cert_time_to_seconds(certificate["notBefore"])
            expires_at = ssl.cert_time_to_seconds(certificate["notAfter"])
            date = datetime.fromtimestamp(expires_at, UTC).isoformat()
        except (KeyError, ValueError, OverflowError, OSError):
            return  # a date out of range, such as the year 0, in a certificate that was verified
        soon_s = min(WARN_BEFORE_S, (expires_at - begins_at) / 3)
        now = self._now()
        before = self._hosts.pop(host, None)
        if now < expires_at - soon_s:
            return
        warned_at = before.warned_at if before else 0.0
        if now - warned_at >= WARN_AGAIN_S:
            log.warning("endpoint.certificate_expiring", host=host, expires_at=date)
            warned_at = now
        self._hosts[host] = Expiring(expires_at, warned_at)

    def expiring(self) -> Mapping[str, float]:
        """Return when the certificates of hosts expire soon, as unix seconds; not expired ones."""
        now = self._now()
        hosts = self._hosts.items()
        return {host: one.expires_at for host, one in hosts if one.expires_at > now}

    def soonest_s(self) -> float:
        """Return the seconds until the first of them expires; infinite if there are none."""
        return min(self.expiring().values(), default=math.inf) - self._now()
