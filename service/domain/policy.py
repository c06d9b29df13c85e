"""Settings of requests and memory; each policy is a section of the settings."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

from annotated_types import Ge, Gt, Le, Len

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Port = Annotated[int, Ge(1), Le(65_535)]


@dataclass(frozen=True, slots=True)
class HttpPolicy:
    """How requests are made."""

    __pydantic_config__: ClassVar = {"extra": "forbid", "use_attribute_docstrings": True}

    pool_limit: Annotated[int, Ge(2), Le(50_000)] = 2000
    """Requests in flight at most, over all endpoints; fewer where descriptors do not suffice."""
    per_endpoint_limit: Annotated[int, Ge(1), Le(10_000)] = 50
    """Requests in flight at most to one endpoint; one that does not answer has fewer."""
    retry_share: Annotated[float, Gt(0.0), Le(0.9)] = 0.25
    """The share of the pool that is kept for retries; the rest is for first attempts."""
    longest_wait_s: Annotated[float, Ge(0.0), Le(10.0)] = 1.0
    """A delivery that would wait longer for its busy endpoint, or for its account's share of the
    pool, is deferred instead."""
    connect_timeout_s: Annotated[float, Gt(0.0), Le(30.0)] = 3.0
    """Seconds until a connection must stand."""
    total_timeout_s: Annotated[float, Gt(0.0), Le(60.0)] = 5.0
    """Seconds until the whole answer must be there."""
    response_body_bytes: Annotated[int, Ge(0), Le(1_048_576)] = 16_384
    """How much of an answer's body is read; the rest is cut off, which is no failure."""
    response_header_bytes: Annotated[int, Ge(1024), Le(1_048_576)] = 65_536
    """How much of an answer's status line and headers is read; the rest is cut off as well."""


NOT_FOR_WEBHOOKS = (
    19, 21, 22, 23, 25, 53, 110, 111, 135, 139, 143, 389, 445, 465, 587, 636, 993, 995, 1433, 1521,
    2049, 2375, 2376, 2379, 2380, 3306, 3389, 4369, 5432, 5671, 5672, 5900, 6379, 6443, 9042, 9200,
    10250, 11211, 15672, 25672, 27017, 27018, 27019,
)  # fmt: skip
"""Ports of mail, shells, databases, brokers and control planes."""


@dataclass(frozen=True, slots=True)
class EgressPolicy:
    """Where requests may go."""

    __pydantic_config__: ClassVar = {"extra": "forbid", "use_attribute_docstrings": True}

    allow: tuple[Network, ...] = ()
    """Networks that may be dialled although they are not public. Loopback must be named itself;
    what hands out a cloud's credentials stays closed whatever stands here."""
    deny: tuple[Network, ...] = ()
    """Networks that may not be dialled; wins over `allow`. Your own NAT64 prefix belongs here."""
    require_https: bool = False
    """Refuse plain http."""
    allow_names: tuple[Annotated[str, Len(1, 253)], ...] = ()
    """Private names that may be looked up (`crm.corp`; `.corp` for all below it), though names that
    are no public ones are refused; the addresses they have are judged like any other."""
    ports: tuple[Port, ...] = ()
    """The only ports that may be dialled; empty: any that is not in `deny_ports`."""
    deny_ports: tuple[Port, ...] = NOT_FOR_WEBHOOKS
    """Ports that may not be dialled; wins over `ports`."""


def requires_https(document: Mapping[str, Any]) -> bool:
    """Return whether an account's document refuses plain http; what is unclear does refuse it."""
    return document.get("require_https") not in (None, False, "false")


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """A client certificate for the endpoints of one account: PEM files of the operator."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    account_id: Annotated[str, Len(1)]
    cert_file: Path
    key_file: Path


@dataclass(frozen=True, slots=True)
class TlsPolicy:
    """Whom to believe, and who to be. Verifying cannot be switched off."""

    __pydantic_config__: ClassVar = {"extra": "forbid", "use_attribute_docstrings": True}

    ca_file: Path | None = None
    """PEM file of authorities that are believed beside the public ones: those of private
    receivers."""
    client_certificates: tuple[ClientCertificate, ...] = ()
    """Certificates that accounts' receivers ask for: `[{"account_id": "A", "cert_file":
    "/etc/a.pem", "key_file": "/etc/a.key"}]`. Read when the service starts."""


@dataclass(frozen=True, slots=True)
class CachePolicy:
    """How much of the store is remembered, and for how long."""

    __pydantic_config__: ClassVar = {"extra": "forbid", "use_attribute_docstrings": True}

    max_accounts: Annotated[int, Ge(1)] = 100_000
    """Accounts remembered, those without a webhook included."""
    max_bytes: Annotated[int, Ge(1_048_576)] = 134_217_728
    """Bytes that remembered accounts may take, about; then the longest unused one is forgotten."""
    max_age_s: Annotated[float, Gt(0.0), Le(3600.0)] = 60.0
    """An account is asked for again when it was remembered for longer."""
    poll_interval_s: Annotated[float, Gt(0.0), Le(60.0)] = 2.0
    """How often changes are looked for where MongoDB is no replica set."""
