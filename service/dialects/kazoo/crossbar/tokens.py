"""The question to Crossbar about one of Kazoo's own tokens; see `dialects.token_check`."""

from collections.abc import Mapping

import orjson

from service.domain.principal import Principal

REFUSED = (401, 403)


class CrossbarQuestion:
    """Asks `GET /v2/token_auth`. As with Crossbar, a token is valid for all descendants, too."""

    api = "Crossbar"

    def __init__(self, url: str) -> None:
        self._url = f"{url.rstrip('/').removesuffix('/v2')}/v2/token_auth"

    def request(self, token: str) -> tuple[str, Mapping[str, str]]:
        """See `TokenQuestion`."""
        return self._url, {"X-Auth-Token": token}

    def principal(self, status: int, body: bytes) -> Principal | None:
        """See `TokenQuestion`."""
        if status in REFUSED:
            return None
        data = orjson.loads(body)["data"]
        account_id = data["account_id"]
        if status != 200 or not isinstance(account_id, str) or not account_id:
            raise ValueError(status)
        owner = data.get("owner_id")
        who = f"crossbar:{account_id}" + (f"/{owner}" if isinstance(owner, str) else "")
        return Principal(who, account_id, descendants=True)
