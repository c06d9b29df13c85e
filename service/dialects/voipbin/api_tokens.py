"""The question to VoIPBIN's API about a token or access key; see `dialects.token_check`."""

from collections.abc import Mapping
from urllib.parse import urlencode

import orjson

from service.domain.principal import Principal

REFUSED = (401, 403)
DOTS_OF_A_JWT = 2


class VoipbinQuestion:
    """Asks `GET /customer`, which answers with the customer that a token or access key is of."""

    api = "VoIPBIN's API"

    def __init__(self, url: str, path: str = "customer") -> None:
        self._url = f"{url.rstrip('/')}/{path}"

    def request(self, token: str) -> tuple[str, Mapping[str, str]]:
        """See `TokenQuestion`."""
        if token.count(".") == DOTS_OF_A_JWT:
            return self._url, {"Authorization": f"Bearer {token}"}
        joined = "&" if "?" in self._url else "?"
        return f"{self._url}{joined}{urlencode({'accesskey': token})}", {}

    def principal(self, status: int, body: bytes) -> Principal | None:
        """See `TokenQuestion`."""
        if status in REFUSED:
            return None
        customer_id = orjson.loads(body)["id"]
        if status != 200 or not isinstance(customer_id, str) or not customer_id:
            raise ValueError(status)
        return Principal(f"voipbin:{customer_id}", customer_id)
