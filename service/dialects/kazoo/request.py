"""Writer of requests in Kazoo's form: payload, body or query, and two headers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from service.dialects.members import MemberContents
from service.domain.event import Event
from service.domain.webhook import NOTHING, Account, Webhook


@dataclass(frozen=True, slots=True)
class KazooRequests:
    """The `RequestWriter` of Kazoo."""

    cluster_id: str | None = None

    def payload(self, event: Event, account: Account) -> dict[str, Any]:
        """Return the event's members in Kazoo's order, without those that have no value."""
        fields = dict(event.fields)
        known = (("account_id", account.account_id), ("reseller_id", account.reseller_id))
        for key, value in known:
            if key in fields and fields[key] is None:
                fields[key] = value
        return {key: value for key, value in fields.items() if value is not None}

    def writer(self, payload: Mapping[str, Any], snapshot: bytes | None = None) -> MemberContents:
        """See `RequestWriter`."""
        added = NOTHING if self.cluster_id is None else {"cluster_id": self.cluster_id}
        return MemberContents(payload, added, snapshot)

    def headers(self, webhook: Webhook) -> Mapping[str, str]:
        """Return the ids of webhook and account, as Kazoo's own app sends them."""
        return {"X-Hook-ID": webhook.webhook_id, "X-Account-ID": webhook.account_id}

    def signatures(self, webhook: Webhook, content: bytes) -> Mapping[str, str]:  # noqa: ARG002
        """Return nothing: Kazoo does not sign."""
        return NOTHING
