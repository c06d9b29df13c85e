"""Connections to endpoints: the egress guard judges every name and every dialled address."""

import asyncio
import errno
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor

import aiohttp
import structlog
from aiohappyeyeballs import AddrInfoType
from aiohttp.abc import AbstractResolver, ResolveResult

from service.egress.addresses import Refusal
from service.egress.guard import EgressGuard, System
from service.egress.rules import in_words

KEEP_ALIVE_S = 10
DNS_CACHE_S = 10
LOOKUP_TIMEOUT_S = 3.0
LOOKUPS_AT_ONCE = 32

log = structlog.get_logger(__name__)


class EgressRefused(OSError):
    """Raised inside the connector instead of dialling. The account may read its text."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(errno.EACCES, told(refusal))
        self.refusal = refusal


def told(refusal: Refusal) -> str:
    """Return the rule in words for the account, without the address: it may be internal."""
    return f"egress refused by {in_words(refusal.rule)}"


def log_refusal(refusal: Refusal, host: str | None) -> None:
    """Log the refusal with the address, for the operator alone."""
    log.warning("egress.refused", rule=refusal.rule, address=refusal.address, host=host)


class JudgingResolver(AbstractResolver):
    """Resolver that refuses a name if the name or any of its addresses may not be dialled.

    It has its own threads, so that a name server that does not answer delays nothing else. Each
    lookup times out after `LOOKUP_TIMEOUT_S`.
    """

    def __init__(self, guard: EgressGuard, system: System) -> None:
        self._guard = guard
        self._lookup = system.lookup
        self._threads = ThreadPoolExecutor(LOOKUPS_AT_ONCE, "lookup")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the addresses of a name. Raises EgressRefused, or OSError if there are none."""
        refusal = self._guard.host(host)
        if refusal is not None:
            raise EgressRefused(refusal)
        addresses = await self._addresses(host, port, family)
        for address in addresses:
            refusal = self._guard.address(address, port)
            if refusal is not None:
                raise EgressRefused(refusal)
        return [_result(host, address, port) for address in addresses]

    async def close(self) -> None:
        """Start no more lookups."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _addresses(self, host: str, port: int, family: socket.AddressFamily) -> list[str]:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(LOOKUP_TIMEOUT_S):
                question = host, port, family, socket.SOCK_STREAM, 0, socket.AI_ADDRCONFIG
                found = await loop.run_in_executor(self._threads, self._lookup, *question)
        except TimeoutError:
            raise socket.gaierror(socket.EAI_AGAIN, "the name server does not answer") from None
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, "the name has no address")
        return [str(sockaddr[0]) for *_, sockaddr in found]


def _result(host: str, address: str, port: int) -> ResolveResult:
    return ResolveResult(
        hostname=host,
        host=address,
        port=port,
        family=socket.AF_INET6 if ":" in address else socket.AF_INET,
        proto=0,
        flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
    )


def judged_connector(
    guard: EgressGuard,
    system: System,
    resolver: JudgingResolver,
    context: ssl.SSLContext,
    limit: int,
    *,
    kept: bool,
) -> aiohttp.TCPConnector:
    """Return a pool in which the guard judges every connection; `kept` allows their reuse."""

    def dial(addr_info: AddrInfoType) -> socket.socket:
        # The last check, needed beside the resolver: aiohttp does not resolve IP addresses.
        family, kind, protocol, _, sockaddr = addr_info
        refusal = guard.address(str(sockaddr[0]), int(sockaddr[1]))
        if refusal is not None:
            raise EgressRefused(refusal)
        made = system.new_socket(family, kind, protocol)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made

    return aiohttp.TCPConnector(
        limit=limit,
        resolver=resolver,
        ttl_dns_cache=DNS_CACHE_S,
        socket_factory=dial,
        ssl=context,
        **({"keepalive_timeout": KEEP_ALIVE_S} if kept else {"force_close": True}),
    )
