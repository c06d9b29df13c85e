"""`/v2/pauses`: endpoints and accounts that are paused, for operators."""

from dataclasses import dataclass

from service.api.http.operation import Access, Answer, ApiCall, operation
from service.api.shapes.bodies import PauseOrder
from service.api.shapes.operator_answers import PauseAnswer
from service.management.pauses import OperatorPauses

ALL = "/v2/pauses"
TAG = "Operation"


@dataclass(frozen=True, slots=True)
class PauseHandlers:
    """Each method answers one operation."""

    pauses: OperatorPauses

    @operation(
        "GET", ALL, name="listPauses", tag=TAG, data=list[PauseAnswer], access=Access.OPERATE
    )
    async def all(self, _: ApiCall) -> Answer:
        """List the paused endpoints and accounts, those paused first at the top."""
        return Answer(await self.pauses.all())

    @operation(
        "PUT",
        ALL,
        name="createPause",
        tag=TAG,
        data=PauseAnswer,
        access=Access.COMMAND,
        body=PauseOrder,
        example={"endpoint": "https://hooks.example.com"},
        status=201,
    )
    async def pause(self, call: ApiCall) -> Answer:
        """Pause an endpoint or an account: what would be sent is kept."""
        order: PauseOrder = call.body
        view = await self.pauses.pause(call.principal, order.account_id, order.endpoint)
        return Answer(view, 201, location=str(view["id"]))

    @operation(
        "DELETE",
        f"{ALL}/{{pause_id}}",
        name="deletePause",
        tag=TAG,
        data=PauseAnswer,
        access=Access.COMMAND,
        errors=(404,),
    )
    async def resume(self, call: ApiCall) -> Answer:
        """End a pause: what was kept is sent in order of arrival."""
        return Answer(await self.pauses.resume(call.principal, call.path["pause_id"]))
