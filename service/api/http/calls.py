"""Calls of operations from inside the process, with the checks that a request over HTTP passes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from service.api.http.application import valid
from service.api.http.gatekeeper import Gatekeeper
from service.api.http.operation import Answer, ApiCall, Operation
from service.api.http.texts import refuse_controls
from service.domain.principal import Principal


@dataclass(frozen=True, slots=True, repr=False)
class Calls:
    """Calls operations by name for a principal that is authenticated already."""

    operations: Sequence[Operation]
    gatekeeper: Gatekeeper
    hooks: tuple[str, ...]
    by_name: Mapping[str, Operation] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {one.name: one for one in self.operations})

    async def call(
        self,
        principal: Principal,
        name: str,
        path: Mapping[str, str],
        query: Mapping[str, str],
        body: Mapping[str, Any],
    ) -> Answer:
        """Return the operation's answer.

        Raises what the API answers with an error: Forbidden, NotFound, Invalid, Conflict,
        Unavailable, RejectedMessage.
        """
        operation = self.by_name[name]
        await self.gatekeeper.check_rights(principal, operation, path)
        for given in (path, query, body):
            refuse_controls(given)
        asked = valid(operation.query, query, self.hooks)
        order = None if operation.body is None else valid(operation.body, body, self.hooks)
        call = ApiCall(principal, path, asked, order, query)
        await self.gatekeeper.check_reach(operation, call)
        return await operation.handler(call)
