"""What an operator may choose about requests and memory; each is a section of the settings."""

import ipaddress
from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_types import Ge, Gt, Le

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class HttpPolicy:
    """How requests are made."""

    __pydantic_config__: ClassVar = {"extra": "forbid", "use_attribute_docstrings": True}

    pool_limit: Annotated[int, Ge(2), Le(10_000)] = 200
    """Requests in flight at most, over all endpoints."""
    per_endpoint_limit: Annotated[int, Ge(1), Le(10_000)] = 50
    """Requests in flight at most to one endpoint."""
    retry_share: Annotated[float, Gt(0.0), Le(0.9)] = 0.25
    """The share of the pool that is kept for retries; the rest is for first attempts."""
    longest_wait_s: Annotated[float, Ge(0.0), Le(10.0)] = 0.5
    """A delivery that would wait longer for its busy endpoint is deferred instead."""
    connect_timeout_s: Annotated[float, Gt(0.0), Le(30.0)] = 3.0
    """Seconds until a connection must stand."""
    total_timeout_s: Annotated[float, Gt(0.0), Le(60.0)] = 5.0
    """Seconds until the whole answer must be there."""
    response_body_bytes: Annotated[int, Ge(0), Le(1_048_576)] = 16_384
    """How much of an answer is read; the rest is cut off, which is no failure."""


@dataclass(frozen=True, slots=True)
class EgressPolicy:
    """Where requests may go."""

    __pydantic_config__: ClassVar = {"extra": "forbid", "use_attribute_docstrings": True}

    allow: tuple[Network, ...] = ()
    """Networks that may be dialled although they are not public."""
    deny: tuple[Network, ...] = ()
    """Networks that may not be dialled; wins over `allow`."""
    require_https: bool = False
    """Refuse plain http."""


@dataclass(frozen=True, slots=True)
class CachePolicy:
    """How much of the store is remembered, and for how long."""

    __pydantic_config__: ClassVar = {"extra": "forbid", "use_attribute_docstrings": True}

    max_accounts: Annotated[int, Ge(1)] = 100_000
    """Accounts remembered, those without a webhook included."""
    max_age_s: Annotated[float, Gt(0.0), Le(3600.0)] = 60.0
    """An account is asked for again when it was remembered for longer."""
    poll_interval_s: Annotated[float, Gt(0.0), Le(60.0)] = 2.0
    """How often changes are looked for where MongoDB is no replica set."""
