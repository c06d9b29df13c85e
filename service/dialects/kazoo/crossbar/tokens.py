"""Check of Kazoo's own tokens by its Crossbar; see `management.authentication.ForeignTokens`."""

import hashlib
import time
from collections.abc import Callable

import aiohttp
import orjson

from service.bounded import BoundedDict
from service.domain.errors import CrossbarUnavailable
from service.domain.principal import Principal

TIMEOUT_S = 5.0
MOST_REMEMBERED = 10_000
REFUSED = (401, 403)


class CrossbarTokens:
    """Finds the owner of a token by `GET /v2/token_auth`. Caches answers by the token's hash only.

    As with Crossbar itself, a token is valid for its account and all descendants.
    """

    def __init__(self, url: str, cache_s: float, now: Callable[[], float] = time.monotonic) -> None:
        self._url = f"{url.rstrip('/').removesuffix('/v2')}/v2/token_auth"
        self._cache_s = cache_s
        self._now = now
        self._known = BoundedDict[bytes, tuple[Principal | None, float]](MOST_REMEMBERED)
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()

    async def principal(self, text: str) -> Principal | None:
        """See `ForeignTokens`."""
        key = hashlib.sha256(text.encode()).digest()
        principal, good_until = self._known.get(key, (None, 0.0))
        if good_until > self._now():
            return principal
        principal = await self._ask(text)
        self._known[key] = (principal, self._now() + self._cache_s)
        return principal

    async def _ask(self, text: str) -> Principal | None:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=TIMEOUT_S),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        try:
            # A redirect would send the token to an address that the operator did not give.
            async with self._session.get(
                self._url, headers={"X-Auth-Token": text}, allow_redirects=False
            ) as response:
                return _principal(response.status, await response.read())
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            raise CrossbarUnavailable(f"cannot check a token with Crossbar: {error}") from None


def _principal(status: int, body: bytes) -> Principal | None:
    if status in REFUSED:
        return None
    try:
        data = orjson.loads(body)["data"]
        account_id = data["account_id"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        raise CrossbarUnavailable(f"Crossbar answered {status} to a token") from None
    if status != 200 or not isinstance(account_id, str) or not account_id:
        raise CrossbarUnavailable(f"Crossbar answered {status} to a token")
    owner = data.get("owner_id")
    who = f"crossbar:{account_id}" + (f"/{owner}" if isinstance(owner, str) else "")
    return Principal(who, account_id, descendants=True)
