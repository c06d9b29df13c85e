"""`/v2/accounts/{A}/portal`: links into the console, to embed it in a portal of the operator's."""

from dataclasses import dataclass

from service.api.http.operation import Access, Answer, ApiCall, operation
from service.api.shapes.answers import PortalAnswer
from service.api.shapes.bodies import PortalOrder
from service.management.sessions import Link, Sessions


@dataclass(frozen=True, slots=True)
class PortalHandlers:
    """`base_url` is the service's URL as people reach it."""

    sessions: Sessions
    base_url: str

    @operation(
        "POST",
        "/v2/accounts/{account_id}/portal",
        name="createPortalLink",
        tag="Console",
        data=PortalAnswer,
        access=Access.WRITE,
        body=PortalOrder,
        example={"read_only": True},
        status=201,
    )
    async def create(self, call: ApiCall) -> Answer:
        """Create a link that opens the console for this account alone, for some minutes."""
        order: PortalOrder = call.body
        link = await self.sessions.link(call.principal, call.account_id, read_only=order.read_only)
        return Answer(link_view(link, self.base_url), 201)


def link_view(link: Link, base_url: str) -> dict[str, object]:
    """Return a link as its maker sees it."""
    return {
        "url": f"{base_url}/console/portal/{link.text}",
        "account_id": link.account_id,
        "read_only": link.read_only,
        "expires_at": link.expires_at.isoformat(timespec="milliseconds"),
    }
