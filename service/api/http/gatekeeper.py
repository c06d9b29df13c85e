"""The only place that decides whether a request has the access that its operation declares."""

from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web

from service.api.http.clients import Clients
from service.api.http.limits import RateLimit
from service.api.http.operation import Access, ApiCall, Operation
from service.domain.errors import Forbidden, NotFound, TooManyRequests, Unauthenticated
from service.domain.principal import Principal
from service.management.authentication import Authentication
from service.management.ports import Accounts

ANYBODY = Principal("anybody", account_id="", read_only=True)
LONGEST_ID = 64


@dataclass(frozen=True, slots=True)
class Gatekeeper:
    """Admits a request to an operation, or raises the reason for refusing it.

    `admit` checks request line and headers before the body is read; `check_reach` checks the rest
    once query and body are valid.
    """

    authentication: Authentication
    accounts: Accounts
    limit: RateLimit
    clients: Clients

    async def admit(self, request: web.Request, operation: Operation) -> Principal:
        """Return the principal of the request.

        Raises Unauthenticated, Forbidden, TooManyRequests, Unavailable; NotFound for a malformed
        account id.
        """
        if operation.access is Access.OPEN:
            self.count(f"peer:{self.clients.key(request)}")
            return ANYBODY
        form = operation.form
        token = _token(request) if form is None else form.token(request) or _token(request)
        principal = await self._principal(request, token)
        await self.check_rights(principal, operation, request.match_info)
        return principal

    async def check_rights(
        self, principal: Principal, operation: Operation, path: Mapping[str, str]
    ) -> None:
        """Raise Forbidden or NotFound where the principal may not call the operation on a path."""
        if operation.access.of_operators and not principal.superuser:
            raise Forbidden("forbidden")
        if operation.access.writes and principal.read_only:
            raise Forbidden("the token may only read")
        account_id = path.get("account_id")
        if account_id is not None and operation.access is not Access.OPEN:
            await self._check_account(principal, account_id)

    async def check_again(self, request: web.Request) -> None:
        """Check the token of a request that is still being answered; it costs no request.

        Raises Unauthenticated, Forbidden, Unavailable.
        """
        text = _token(request)
        if text is None:
            raise Unauthenticated("the request has no token, or a malformed one")
        principal = await self.authentication.principal(text)
        await self._check_account(principal, request.match_info["account_id"])

    async def check_reach(self, operation: Operation, call: ApiCall) -> None:
        """Raise Forbidden where the call concerns accounts below that the token may not manage."""
        if not call.principal.reaches_below and await operation.below(call):
            raise Forbidden("the token has no right to the accounts below its own")

    def count(self, name: str) -> None:
        """Count a request against a name. Raises TooManyRequests."""
        if not self.limit.take(name):
            raise TooManyRequests(self.limit.wait_s(name), self.limit.burst)

    def give_back(self, name: str) -> None:
        """Undo one `count`, for a request that turns out to count for another name."""
        self.limit.give_back(name)

    def over_tls(self, request: web.Request) -> bool:
        """Return whether the client reached us, or our proxy, by https."""
        return self.clients.over_tls(request)

    def guess_of(self, request: web.Request) -> str:
        """Return the name that requests with unproven credentials from this client count for."""
        return f"guessing:{self.clients.key(request)}"

    async def _principal(self, request: web.Request, text: str | None) -> Principal:
        """Authenticate the request. A request over the limit is refused before any look-up.

        A token that was valid before counts for its holder. Any other token counts as a guess of
        the client until it proves valid.
        """
        holder = None if text is None else self.authentication.holder_before(text)
        if holder is not None and text is not None:
            self.count(holder)
            return await self.authentication.principal(text)
        guess = self.guess_of(request)
        self.count(guess)
        if text is None:
            raise Unauthenticated("the request has no token, or a malformed one")
        principal = await self.authentication.principal(text)
        self.give_back(guess)
        self.limit.take(principal.name)
        return principal

    async def _check_account(self, principal: Principal, account_id: str) -> None:
        if len(account_id) > LONGEST_ID or not account_id.replace("-", "").isalnum():
            raise NotFound(account_id[:LONGEST_ID])
        if principal.may_act_on(account_id, ()):
            return
        tree = await self.accounts.tree(account_id) if principal.reaches_below else ()
        if not principal.may_act_on(account_id, tree):
            raise Forbidden("forbidden")


def _token(request: web.Request) -> str | None:
    kind, _, bearer = request.headers.get("Authorization", "").partition(" ")
    given = bearer.strip() if kind.lower() == "bearer" else ""
    token = request.headers.get("X-Auth-Token") or given
    # Bytes that are not text would fail later; a token consists of ASCII alone.
    return token if token and token.isascii() else None
