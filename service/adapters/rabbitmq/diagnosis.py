"""Diagnoses of broker errors, one line each, with the remedy.

`switchhook check` prints them; a running service logs them while it waits for the broker.
"""

import re
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import unquote

from aio_pika.abc import AbstractConnection
from aiormq.exceptions import (
    AuthenticationError,
    ChannelAccessRefused,
    ConnectionCommandInvalid,
    InvalidFrameError,
    ProbableAuthenticationError,
)
from yarl import URL

from service.adapters.rabbitmq.topology.permissions import Permissions
from service.domain.errors import BrokerRefuses
from service.domain.finding import Diagnosis

OLDEST_RABBITMQ = (3, 10)
"""First version whose quorum queues dead-letter at least once, which retries depend on."""

HASH = "x-consistent-hash"
HASH_PLUGIN = "rabbitmq_consistent_hash_exchange"
"""Plug-in of RabbitMQ, shipped with it, that has this type of exchange."""

DEFAULT_PORTS = {"amqp": 5672, "amqps": 5671}
REFUSED = re.compile(r"access to (queue|exchange) '([^']*)'")
ALARM = "a memory or disk alarm: it takes no messages until that is over"
ALARM_REMEDY = "rabbitmq-diagnostics alarms names it; free memory or disk on the broker"


class NotPermitted(BrokerRefuses):
    """The broker's user lacks a permission."""

    def __init__(self, permission: str, kind: str, name: str) -> None:
        super().__init__(f"may not {permission} {kind} '{name}'", "")


class TooOld(BrokerRefuses):
    """The broker is older than OLDEST_RABBITMQ."""


@contextmanager
def needing(*permissions: tuple[str, str]) -> Iterator[None]:
    """Raise NotPermitted with the permission that the body needs on the object that was refused.

    `permissions` are pairs of `queue` or `exchange` and the permission needed on it.
    """
    try:
        yield
    except ChannelAccessRefused as error:
        found = REFUSED.search(str(error))
        kind, name = found.groups() if found else ("queue", "")
        needed = dict(permissions).get(kind, "use")
        raise NotPermitted(needed, kind, name) from error


def version_of(connection: AbstractConnection) -> str:
    """Return the version that the broker reports, or `unknown`."""
    wire = getattr(connection.transport, "connection", None)
    return str(getattr(wire, "server_properties", {}).get("version", "unknown"))


def too_old(version: str) -> Diagnosis | None:
    """Return the diagnosis of a version that is too old; None also if it cannot be parsed."""
    numbers = tuple(int(part) for part in re.findall(r"\d+", version)[:2])
    if not numbers or numbers >= OLDEST_RABBITMQ:
        return None
    needed = ".".join(map(str, OLDEST_RABBITMQ))
    return Diagnosis(
        f"RabbitMQ {version} is too old", f"upgrade to {needed} or later", lasting=True
    )


def refuse_old(connection: AbstractConnection) -> None:
    """Raise TooOld if the broker is older than OLDEST_RABBITMQ."""
    diagnosis = too_old(version_of(connection))
    if diagnosis is not None:
        raise TooOld(diagnosis.text, diagnosis.remedy)


def diagnosis_of(error: BaseException, url: str, needed: Permissions) -> Diagnosis:
    """Return the diagnosis of an error of connecting, declaring or consuming, without passwords."""
    address = URL(url)
    where = f"{address.host}:{address.port or DEFAULT_PORTS.get(address.scheme, 0)}"
    vhost = unquote(address.raw_path[1:]) or "/"
    user = address.user or "guest"
    grant = _grant(vhost, user, needed)
    match error:
        case TooOld():
            return Diagnosis(str(error), error.remedy, lasting=True)
        case NotPermitted():
            return Diagnosis(f"user '{user}' {error}", grant, lasting=True)
        case ChannelAccessRefused():
            return Diagnosis(f"user '{user}': {error}", grant, lasting=True)
        case AuthenticationError() | ProbableAuthenticationError():
            text = f"{where} refuses user '{user}', or the password"
            return Diagnosis(text, f"check amqp.url: {_test_of(user)}", lasting=True)
        case ConnectionCommandInvalid() if HASH in str(error):
            text = f"{where} has no exchange type {HASH}, which amqp.partitions needs"
            remedy = f"rabbitmq-plugins enable {HASH_PLUGIN}, on every node"
        case InvalidFrameError() if "Connection.Open" in str(error):
            # aiormq does not report which: no such virtual host, or no access to it.
            text = f"{where} refuses user '{user}' the virtual host '{vhost}'"
            remedy = f"rabbitmqctl add_vhost '{vhost}', where it is missing, and {grant}"
        case _:
            return _unreachable(error, where)
    return Diagnosis(text, remedy, lasting=True)


def _unreachable(error: BaseException, where: str) -> Diagnosis:
    """Return the diagnosis of a connection that fails; the cause may pass by itself."""
    if isinstance(error, TimeoutError):
        text = f"cannot be reached: {where} does not answer as a broker would"
        return Diagnosis(text, "a firewall, or another service's port in amqp.url?", lasting=False)
    said = str(error) or type(error).__name__
    cause = error.__cause__
    if isinstance(cause, socket.gaierror):
        text = f"cannot be reached: no address for the host of {where}"
        return Diagnosis(text, "check the name in amqp.url, and the name service", lasting=False)
    if isinstance(cause, ssl.SSLError):
        text = f"cannot be reached: no TLS with {where}: {said}"
        return Diagnosis(text, "amqps: needs the broker's TLS port, usually 5671", lasting=False)
    text = f"cannot be reached at {where}: {said}"
    return Diagnosis(text, "is RabbitMQ running, and amqp.url right?", lasting=False)


def _test_of(user: str) -> str:
    return f"rabbitmqctl authenticate_user '{user}' PASSWORD tries it"


def _grant(vhost: str, user: str, needed: Permissions) -> str:
    """Return the command that grants exactly the permissions needed."""
    expressions = f"'{needed.configure}' '{needed.write}' '{needed.read}'"
    return f"rabbitmqctl set_permissions -p '{vhost}' '{user}' {expressions}"
