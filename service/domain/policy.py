"""Policies for requests and memory that an operator sets; each is a section of the settings."""

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
    """Limits of requests: how many at once, how long, how much is read."""

    __pydantic_config__: ClassVar = {"extra": "forbid", "use_attribute_docstrings": True}

    pool_limit: Annotated[int, Ge(2), Le(50_000)] = 2000
    """Most requests in flight over all endpoints; fewer where file descriptors are short."""
    per_endpoint_limit: Annotated[int, Ge(1), Le(10_000)] = 50
    """Most requests in flight to one endpoint; an endpoint that fails or does not answer has a
    lower limit."""
    retry_share: Annotated[float, Gt(0.0), Le(0.9)] = 0.25
    """Share of the pool reserved for retries; the rest is for first attempts, and for retries
    while it is idle."""
    longest_wait_s: Annotated[float, Ge(0.0), Le(10.0)] = 1.0
    """Longest wait in seconds for a busy endpoint, or for the account's share of the pool; a
    delivery that would wait longer is deferred."""
    connect_timeout_s: Annotated[float, Gt(0.0), Le(30.0)] = 3.0
    """Seconds until a connection must be established."""
    total_timeout_s: Annotated[float, Gt(0.0), Le(60.0)] = 5.0
    """Seconds until the whole answer must have arrived."""
    response_body_bytes: Annotated[int, Ge(0), Le(1_048_576)] = 16_384
    """Bytes read of an answer's body; the rest is cut off, without counting as a failure."""
    response_header_bytes: Annotated[int, Ge(1024), Le(1_048_576)] = 65_536
    """Bytes read of an answer's status line and headers; the rest is cut off as well."""


MOST_PARTITIONS = 32
"""A change of the number looks for queues of every other number up to this one."""

NOT_FOR_WEBHOOKS = (
    19, 21, 22, 23, 25, 53, 110, 111, 135, 139, 143, 389, 445, 465, 587, 636, 993, 995, 1433, 1521,
    2049, 2375, 2376, 2379, 2380, 3306, 3389, 4369, 5432, 5671, 5672, 5900, 6379, 6443, 9042, 9200,
    10250, 11211, 15672, 25672, 27017, 27018, 27019,
)  # fmt: skip
"""Ports of mail, shells, databases, brokers and control planes."""


@dataclass(frozen=True, slots=True)
class EgressPolicy:
    """Names, addresses and ports that requests may go to."""

    __pydantic_config__: ClassVar = {"extra": "forbid", "use_attribute_docstrings": True}

    allow: tuple[Network, ...] = ()
    """Networks that may be dialled although they are not public. Loopback needs an entry of its
    own; addresses that serve a cloud's credentials stay refused in any case."""
    deny: tuple[Network, ...] = ()
    """Networks that may not be dialled; overrides `allow`. Your own NAT64 prefix belongs here."""
    require_https: bool = False
    """Refuse plain http."""
    https_for_new_accounts: bool = False
    """Refuse plain http to an account from its first webhook on: Switchhook writes `require_https`
    into the account's document when the API makes that webhook, unless the document has it."""
    allow_names: tuple[Annotated[str, Len(1, 253)], ...] = ()
    """Private names that may be looked up (`crm.corp`; `.corp` for every name below it). Other
    private names are refused. The addresses found are checked like those of public names."""
    ports: tuple[Port, ...] = ()
    """The only ports that may be dialled; empty means every port that is not in `deny_ports`."""
    deny_ports: tuple[Port, ...] = NOT_FOR_WEBHOOKS
    """Ports that may not be dialled; overrides `ports`."""


def requires_https(document: Mapping[str, Any]) -> bool:
    """Return whether an account's document refuses plain http; an unclear value does as well."""
    return document.get("require_https") not in (None, False, "false")


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """Client certificate for the endpoints of one account, in the operator's PEM files."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    account_id: Annotated[str, Len(1)]
    cert_file: Path
    key_file: Path


@dataclass(frozen=True, slots=True)
class TlsPolicy:
    """Trusted authorities and client certificates. Verification cannot be switched off."""

    __pydantic_config__: ClassVar = {"extra": "forbid", "use_attribute_docstrings": True}

    ca_file: Path | None = None
    """PEM file of certificate authorities trusted beside the public ones, for private
    receivers."""
    client_certificates: tuple[ClientCertificate, ...] = ()
    """Client certificates that accounts' receivers ask for: `[{"account_id": "A", "cert_file":
    "/etc/a.pem", "key_file": "/etc/a.key"}]`. Read when the service starts."""


@dataclass(frozen=True, slots=True)
class StreamPolicy:
    """Live streams of the API: how many, and how much each may hold. Each worker counts its own."""

    __pydantic_config__: ClassVar = {"extra": "forbid", "use_attribute_docstrings": True}

    max: Annotated[int, Ge(0), Le(10_000)] = 100
    """Streams open at once in a worker; 0 refuses every stream."""
    max_per_account: Annotated[int, Ge(1), Le(10_000)] = 10
    """Streams of an account open at once in a worker."""
    buffer_bytes: Annotated[int, Ge(1024), Le(67_108_864)] = 1_048_576
    """Bytes held for a client that does not read; what comes then is dropped, and counted."""
    rate_per_s: Annotated[float, Ge(1.0), Le(10_000.0)] = 100.0
    """Items per second of an account that a worker sends, and of a stream that it prepares; twice
    as many at once. More is dropped, and counted: an item costs about as much as a delivery."""
    heartbeat_s: Annotated[float, Ge(0.1), Le(60.0)] = 15.0
    """Seconds between two comments that keep a quiet stream open; the token is checked again."""


@dataclass(frozen=True, slots=True)
class CachePolicy:
    """Size and age of the cache of accounts and webhooks."""

    __pydantic_config__: ClassVar = {"extra": "forbid", "use_attribute_docstrings": True}

    max_accounts: Annotated[int, Ge(1)] = 100_000
    """Most accounts in the cache, those without a webhook included."""
    max_bytes: Annotated[int, Ge(1_048_576)] = 134_217_728
    """Approximate size of the cache in bytes; beyond it, the least recently used account goes."""
    max_age_s: Annotated[float, Gt(0.0), Le(3600.0)] = 60.0
    """Seconds until a cached account is loaded again."""
    poll_interval_s: Annotated[float, Gt(0.0), Le(60.0)] = 2.0
    """Seconds between two polls for changes where MongoDB is not a replica set."""
