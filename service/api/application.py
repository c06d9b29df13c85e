"""From an HTTP request to a handler's call, and from its answer to a response.

What every path shares happens here, in this order: a request id, the rate limit, who asks, whose
account it is, the query, the body; and whatever is raised becomes an error's envelope.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from aiohttp import ClientPayloadError, web
from aiohttp.http_exceptions import HttpProcessingError
from pydantic import BaseModel, ValidationError

from service.api.envelope import ALWAYS, failure, success
from service.api.errors import (
    BUG,
    GONE,
    NO_SUCH_PATH,
    NOT_JSON,
    TOO_LARGE,
    WRONG_METHOD,
    Failure,
    failure_of,
    problems_of,
)
from service.api.limits import RateLimit
from service.api.operation import Access, Call, Operation
from service.api.request_body import hinted, notes_on, parsed
from service.domain.errors import (
    Forbidden,
    Invalid,
    NotFound,
    SwitchhookError,
    TooManyRequests,
    Unauthenticated,
)
from service.domain.principal import Principal
from service.management.authentication import Authentication
from service.management.ports import Accounts

ANYBODY = Principal("anybody", account_id="", read_only=True)
LONGEST_ID = 64

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Gatekeeper:
    """Lets a request through to an operation, or raises why not."""

    authentication: Authentication
    accounts: Accounts
    limit: RateLimit

    async def admit(self, request: web.Request, operation: Operation) -> Principal:
        """Return who asks, if they may. Raises Unauthenticated, Forbidden, TooManyRequests."""
        if operation.access is Access.OPEN:
            self._count(f"peer:{request.remote}")
            return ANYBODY
        principal = await self._principal(request)
        self._count(principal.name)
        if operation.access is Access.WRITE and principal.read_only:
            raise Forbidden("the token may only read")
        account_id = request.match_info.get("account_id")
        if account_id is not None:
            await self._check_account(principal, account_id)
        return principal

    async def _principal(self, request: web.Request) -> Principal:
        """Find out who asks; only those who guess are slowed down by where they come from."""
        try:
            return await self.authentication.principal(_token(request))
        except Unauthenticated:
            self._count(f"guessing:{request.remote}")
            raise

    async def _check_account(self, principal: Principal, account_id: str) -> None:
        if len(account_id) > LONGEST_ID or not account_id.replace("-", "").isalnum():
            raise NotFound(account_id[:LONGEST_ID])
        if principal.may_act_on(account_id, ()):
            return
        tree = await self.accounts.tree(account_id) if principal.descendants else ()
        if not principal.may_act_on(account_id, tree):
            raise Forbidden("forbidden")

    def _count(self, name: str) -> None:
        if not self.limit.take(name):
            raise TooManyRequests(self.limit.wait_s(name), self.limit.burst)


def api_application(
    operations: Sequence[Operation], gatekeeper: Gatekeeper, most_body_bytes: int
) -> web.Application:
    """Return the application of all paths; what lies beside them is answered in envelopes, too."""
    application = web.Application(middlewares=[_beside], client_max_size=most_body_bytes)
    for operation in operations:
        endpoint = Endpoint(operation, gatekeeper)
        application.router.add_route(operation.method, operation.path, endpoint.answer)
    return application


@web.middleware
async def _beside(request: web.Request, handler: Any) -> web.StreamResponse:
    """Answer what no operation does: unknown paths and methods."""
    try:
        response: web.StreamResponse = await handler(request)
    except web.HTTPMethodNotAllowed as error:
        allowed = {"Allow": ", ".join(sorted(error.allowed_methods))}
        failed = Failure(WRONG_METHOD.status, WRONG_METHOD.message, WRONG_METHOD.data, allowed)
        return failure(failed, _new_id())
    except web.HTTPNotFound:
        return failure(GONE if request.path.startswith("/v1/") else NO_SUCH_PATH, _new_id())
    return response


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One operation as the router calls it."""

    operation: Operation
    gatekeeper: Gatekeeper

    async def answer(self, request: web.Request) -> web.Response:
        """Answer in an envelope, whatever happens."""
        request_id = _new_id()
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                return await self._answer(request, request_id)
            except SwitchhookError as error:
                failed = failure_of(error)
                if failed.status >= 500:
                    log.warning("api.failed", path=self.operation.path, error=str(error))
                return failure(failed, request_id)
            except web.HTTPRequestEntityTooLarge:
                return failure(TOO_LARGE, request_id)
            except Exception:
                log.exception("api.bug", method=self.operation.method, path=self.operation.path)
                return failure(BUG, request_id)

    async def _answer(self, request: web.Request, request_id: str) -> web.Response:
        operation = self.operation
        principal = await self.gatekeeper.admit(request, operation)
        query = _valid(operation.query, dict(request.query))
        members = await _members(request) if operation.body is not None else {}
        body = None if operation.body is None else _valid(operation.body, members)
        call = Call(principal, request.match_info, query, body, request.query)
        answer = await operation.handler(call)
        if operation.bare:
            return web.json_response(answer.data, headers=ALWAYS)
        known = principal is not ANYBODY
        notes = {**notes_on(operation.body, members), **answer.notes}
        response = success(answer, request_id, notes, authenticated=known)
        if known:
            response.headers.update(self.gatekeeper.limit.headers(principal.name))
        return response


def _token(request: web.Request) -> str:
    kind, _, bearer = request.headers.get("Authorization", "").partition(" ")
    given = bearer.strip() if kind.lower() == "bearer" else ""
    token = request.headers.get("X-Auth-Token") or given
    if not token:
        raise Unauthenticated("there is no token")
    return token


async def _members(request: web.Request) -> Mapping[str, Any]:
    """Return the object in the body: what is in `data`, or all of it. Raises Invalid."""
    try:
        raw = await request.read()
    except (ClientPayloadError, web.RequestPayloadError, HttpProcessingError):
        raise Invalid(NOT_JSON) from None
    if not raw.strip():
        return {}
    body = parsed(raw)
    members = body.get("data", body) if isinstance(body, dict) else body
    if not isinstance(members, dict):
        where = "data" if isinstance(body, dict) else "body"
        message = "Value did not match type(s): object"
        raise Invalid.of(where, "type", message, target="object")
    return members


def _valid(model: type[BaseModel], members: Mapping[str, Any]) -> BaseModel:
    try:
        return model.model_validate(members)
    except ValidationError as error:
        raise Invalid(hinted(problems_of(error), model, members)) from None


def _new_id() -> str:
    return uuid.uuid4().hex
