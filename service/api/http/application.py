"""Turn an HTTP request into a call of a handler, and its answer into a response.

Every path runs through these steps, in this order: request id, rate limit, authentication, access
to the account, query, body, access to accounts below. Any exception becomes an error envelope.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from aiohttp import ClientPayloadError, web
from aiohttp.http_exceptions import HttpProcessingError
from pydantic import BaseModel, ValidationError

from service.api.http.envelope import ALWAYS, failure, new_request_id, success
from service.api.http.errors import (
    BUG,
    GONE,
    HUNG_UP,
    NO_SUCH_PATH,
    NOT_JSON,
    TOO_LARGE,
    TOO_SLOW,
    WRONG_METHOD,
    Failure,
    failure_of,
    problems_of,
)
from service.api.http.event_stream import send_events
from service.api.http.gatekeeper import ANYBODY, Gatekeeper
from service.api.http.operation import ApiCall, Operation
from service.api.http.request_body import hinted, notes_on, parsed
from service.api.http.texts import refuse_controls
from service.api.shapes.bodies import HOOKS
from service.domain.errors import Invalid, SwitchhookError

log = structlog.get_logger(__name__)


def api_application(
    operations: Sequence[Operation],
    gatekeeper: Gatekeeper,
    most_body_bytes: int,
    body_timeout_s: float,
    hooks: Sequence[str],
) -> web.Application:
    """Return the application of all paths; unknown paths are answered in envelopes as well."""
    application = web.Application(middlewares=[_beside], client_max_size=most_body_bytes)
    for operation in operations:
        endpoint = Route(operation, gatekeeper, body_timeout_s, tuple(hooks))
        application.router.add_route(operation.method, operation.path, endpoint.answer)
    return application


@web.middleware
async def _beside(request: web.Request, handler: Any) -> web.StreamResponse:
    """Answer requests that no operation serves: unknown paths and methods."""
    try:
        response: web.StreamResponse = await handler(request)
    except web.HTTPMethodNotAllowed as error:
        allowed = {"Allow": ", ".join(sorted(error.allowed_methods))}
        failed = Failure(WRONG_METHOD.status, WRONG_METHOD.message, WRONG_METHOD.data, allowed)
        return failure(failed, new_request_id())
    except web.HTTPNotFound:
        return failure(GONE if request.path.startswith("/v1/") else NO_SUCH_PATH, new_request_id())
    return response


class BodyTooSlow(Exception):
    """The body did not arrive in time."""


class ClientHungUp(Exception):
    """The connection ended before the body did, so that no answer can reach the client."""


@dataclass(frozen=True, slots=True)
class Route:
    """One operation, in the form that the router calls."""

    operation: Operation
    gatekeeper: Gatekeeper
    body_timeout_s: float
    hooks: tuple[str, ...]
    """The ids of the hooks that a request may name."""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer in an envelope, whatever happens."""
        request_id = new_request_id()
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                return await self._answer(request, request_id)
            except SwitchhookError as error:
                failed = failure_of(error)
                if failed.status >= 500:
                    log.warning("api.failed", path=self.operation.path, error=str(error))
                return self._failure(failed, request_id)
            except web.HTTPRequestEntityTooLarge:
                return self._failure(TOO_LARGE, request_id)
            except BodyTooSlow:
                response = self._failure(TOO_SLOW, request_id)
                response.force_close()
                return response
            except ClientHungUp:
                log.info("api.hung_up", method=self.operation.method, path=self.operation.path)
                return self._failure(HUNG_UP, request_id)
            except Exception:
                log.exception("api.bug", method=self.operation.method, path=self.operation.path)
                return self._failure(BUG, request_id)

    def _failure(self, failed: Failure, request_id: str) -> web.Response:
        form = self.operation.form
        return failure(failed, request_id) if form is None else form.failure(failed, request_id)

    async def _members(self, request: web.Request) -> Mapping[str, Any]:
        try:
            async with asyncio.timeout(self.body_timeout_s):
                return await _members(request)
        except TimeoutError:
            raise BodyTooSlow from None

    async def _answer(self, request: web.Request, request_id: str) -> web.StreamResponse:
        operation = self.operation
        principal = await self.gatekeeper.admit(request, operation)
        _refuse_controls(request)
        query = valid(operation.query, dict(request.query), self.hooks)
        members = await self._members(request) if operation.body is not None else {}
        body = None if operation.body is None else valid(operation.body, members, self.hooks)
        call = ApiCall(principal, request.match_info, query, body, request.query)
        await self.gatekeeper.check_reach(operation, call)
        answer = await operation.handler(call)
        if operation.form is not None:
            return operation.form.success(answer, request_id)
        if operation.streams:
            return await send_events(request, answer.data, self.gatekeeper, request_id)
        if operation.bare:
            return web.json_response(answer.data, headers={**ALWAYS, **answer.headers})
        known = principal is not ANYBODY
        notes = {**notes_on(operation.body, members), **answer.notes}
        response = success(answer, request_id, notes, authenticated=known)
        if known:
            response.headers.update(self.gatekeeper.limit.headers(principal.name))
        return response


def valid(model: type[BaseModel], members: Mapping[str, Any], hooks: Sequence[str]) -> BaseModel:
    """Return the members as the model. Raises Invalid, with the members that were likely meant."""
    try:
        return model.model_validate(members, context={HOOKS: hooks})
    except ValidationError as error:
        raise Invalid(hinted(problems_of(error), model, members)) from None


def _refuse_controls(request: web.Request) -> None:
    """Raise Invalid for a control character in the path, or in a name or value of the query."""
    refuse_controls({"path": request.path})
    for name, value in request.query.items():
        refuse_controls({name: value})


async def _members(request: web.Request) -> Mapping[str, Any]:
    """Return the object in the body: the member `data`, or the whole body. Raises Invalid."""
    try:
        raw = await request.read()
    except ConnectionError:
        raise ClientHungUp from None
    except (ClientPayloadError, web.RequestPayloadError, HttpProcessingError):
        raise Invalid(NOT_JSON) from None
    if not raw.strip():
        return {}
    body = parsed(raw)
    if isinstance(body, dict):
        refuse_controls(body, unwrap="data")
    members = body.get("data", body) if isinstance(body, dict) else body
    if not isinstance(members, dict):
        where = "data" if isinstance(body, dict) else "body"
        message = "Value did not match type(s): object"
        raise Invalid.of(where, "type", message, target="object")
    return members
