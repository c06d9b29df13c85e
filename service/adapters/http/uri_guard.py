"""Egress check of a webhook's URI before anything is sent; see `UriGuard`."""

import time
from collections.abc import Callable, Collection

from service.adapters.http.dialling import DNS_CACHE_S, EgressRefused, JudgingResolver, log_refusal
from service.bounded import BoundedDict
from service.domain.policy import EgressPolicy
from service.egress.addresses import Refusal
from service.egress.guard import EgressGuard, System

SYSTEM = System()
URIS_REMEMBERED = 1000
"""The documents of a webhook name the same URIs again and again."""


class ResolvingGuard:
    """See `management.ports.UriGuard`. Must be made inside a running event loop.

    This check only warns early: the addresses of a name may change, and are judged again at every
    connection. Verdicts are as old as addresses at a connection may be, `DNS_CACHE_S`.
    """

    def __init__(
        self,
        policy: EgressPolicy,
        own_ports: Collection[int] = (),
        system: System = SYSTEM,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._guard = EgressGuard(policy, own_ports)
        self._resolver = JudgingResolver(self._guard, system)
        self._now = now
        self._verdicts = BoundedDict[tuple[str, bool], tuple[Refusal | None, float]](
            URIS_REMEMBERED
        )

    async def refusal(self, uri: str, *, https_only: bool = False) -> str | None:
        """See `management.ports.UriGuard`. Leaves the address out: it may be an internal one."""
        refusal, good_until = self._verdicts.get((uri, https_only), (None, 0.0))
        if good_until <= self._now():
            refusal = await self._refusal(uri, https_only=https_only)
            self._verdicts[uri, https_only] = refusal, self._now() + DNS_CACHE_S
        if refusal is None:
            return None
        log_refusal(refusal, None)
        return refusal.rule

    async def _refusal(self, uri: str, *, https_only: bool) -> Refusal | None:
        try:
            judged = self._guard.judged(uri, https_only)
        except ValueError as error:
            return Refusal("malformed", str(error))
        if isinstance(judged, Refusal):
            return judged
        host, port = judged.raw_host or "", judged.port or 0
        if host.replace(".", "").isdigit() or ":" in host:
            return self._guard.address(host, port)
        try:
            await self._resolver.resolve(host, port)
        except EgressRefused as error:
            return error.refusal
        except (OSError, UnicodeError):
            # The name does not resolve now; if it does later, it is judged then.
            return None
        return None
