"""Whether a webhook may point somewhere, told before anything is sent; see `UriGuard`."""

from yarl import URL

from service.adapters.egress import judge
from service.adapters.http_sender import EgressRefused, JudgingResolver
from service.domain.policy import EgressPolicy


class ResolvingGuard:
    """See `management.ports.UriGuard`. Must be made inside a running event loop.

    It is a courtesy to who makes the webhook: what a name resolves to may change, and is judged
    again at every connection.
    """

    def __init__(self, policy: EgressPolicy) -> None:
        self._policy = policy
        self._resolver = JudgingResolver(policy)

    async def refusal(self, uri: str) -> str | None:
        """See `management.ports.UriGuard`. The address is not told: it may be an internal one."""
        try:
            url = URL(uri)
        except ValueError:
            return "unparseable"
        if self._policy.require_https and url.scheme != "https":
            return "require_https"
        try:
            await self._resolver.resolve(url.host or "", url.port or 0)
        except EgressRefused as error:
            return error.refusal.rule
        except (OSError, UnicodeError):
            # The name does not resolve now; an address would.
            refused = judge(self._policy, url.host or "") if _numeric(url.host) else None
            return refused.rule if refused else None
        return None


def _numeric(host: str | None) -> bool:
    return host is not None and (":" in host or host.replace(".", "").isdigit())
