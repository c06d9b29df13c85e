"""`/v2/workers` and `/v2/certificates`: the workers of all machines, for operators."""

from dataclasses import dataclass

from service.api.http.operation import Access, Answer, ApiCall, operation
from service.api.shapes.operator_answers import CertificateAnswer, WorkerAnswer
from service.management.workers import Workers

TAG = "Operation"


@dataclass(frozen=True, slots=True)
class WorkerHandlers:
    """Each method answers one operation."""

    workers: Workers

    @operation(
        "GET",
        "/v2/workers",
        name="listWorkers",
        tag=TAG,
        data=list[WorkerAnswer],
        access=Access.OPERATE,
    )
    async def all(self, _: ApiCall) -> Answer:
        """List the workers of all machines, those in trouble first."""
        return Answer(await self.workers.all())

    @operation(
        "GET",
        "/v2/certificates",
        name="listCertificates",
        tag=TAG,
        data=list[CertificateAnswer],
        access=Access.OPERATE,
    )
    async def certificates(self, _: ApiCall) -> Answer:
        """List the hosts of endpoints whose certificates expire soon, the soonest first."""
        return Answer(await self.workers.certificates())
