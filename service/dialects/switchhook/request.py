"""How requests with the service's own events are written: JSON, or a form for flat receivers."""

from collections.abc import Mapping
from typing import Any

from service.dialects.members import MemberContents
from service.domain.event import Event
from service.domain.webhook import NOTHING, Account, Webhook


class OwnRequests:
    """The `RequestWriter` of the service's own events."""

    def payload(self, event: Event, account: Account) -> dict[str, Any]:  # noqa: ARG002
        """Return the event's members."""
        return dict(event.fields)

    def writer(self, payload: Mapping[str, Any], snapshot: bytes | None = None) -> MemberContents:
        """See `RequestWriter`."""
        return MemberContents(payload, NOTHING, snapshot)

    def headers(self, webhook: Webhook) -> Mapping[str, str]:
        """Return the ids of webhook and account, as with the events of Kazoo."""
        return {"X-Hook-ID": webhook.webhook_id, "X-Account-ID": webhook.account_id}

    def signatures(self, webhook: Webhook, content: bytes) -> Mapping[str, str]:  # noqa: ARG002
        """Return nothing: the signatures of Standard Webhooks are enough."""
        return NOTHING
