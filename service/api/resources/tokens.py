"""The token of a request, as its holder sees it."""

from dataclasses import dataclass

from service.api.http.operation import Answer, ApiCall, operation
from service.api.shapes.answers import TokenAnswer


@dataclass(frozen=True, slots=True)
class TokenHandlers:
    """Each method answers one operation."""

    @operation("GET", "/v2/token_auth", name="getToken", tag="Service", data=TokenAnswer)
    async def own(self, call: ApiCall) -> Answer:
        """Return the account and the rights of the token, as Crossbar does."""
        principal = call.principal
        return Answer({
            "account_id": principal.account_id,
            "superuser": principal.superuser,
            "descendants": principal.reaches_below,
            "read_only": principal.read_only,
        })  # fmt: skip
