"""Shadow mode: replaces the sender while another service still sends; makes no request."""

from collections.abc import Collection, Mapping

from service.adapters.http.dialling import told
from service.domain.delivery import Outcome, Request, Response
from service.domain.policy import EgressPolicy
from service.egress.addresses import Refusal
from service.egress.guard import EgressGuard


class ShadowSender:
    """See `ports.Sender`. Dials nothing and looks up no name.

    The detail says if the URI is invalid, or would be refused even without a name lookup.
    """

    def __init__(self, egress: EgressPolicy, own_ports: Collection[int] = ()) -> None:
        self._guard = EgressGuard(egress, own_ports)

    in_use = 0

    def certificates(self) -> Mapping[str, float]:
        """Return nothing, as there is no connection."""
        return {}

    async def prepare(self) -> None:
        """Do nothing."""

    async def send(self, request: Request) -> Response:
        """See `ports.Sender`."""
        return Response(Outcome.SHADOWED, detail=self._foreseen(request))

    def _foreseen(self, request: Request) -> str | None:
        try:
            judged = self._guard.judged(request.uri, request.https_only)
        except ValueError as error:
            return f"would be an invalid request: {error}"
        return f"would be: {told(judged)}" if isinstance(judged, Refusal) else None

    async def close(self) -> None:
        """Do nothing."""
