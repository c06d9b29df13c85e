"""How VoIPBIN writes the requests of its webhooks: one body for every method, and its signature."""

import hashlib
import hmac
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from service.dialects.content import Content
from service.dialects.voipbin.go_json import go_json
from service.domain.event import Event
from service.domain.webhook import NOTHING, Account, Webhook

SIGNATURE = "X-VoIPBIN-Signature"


class VoipbinRequests:
    """The `RequestWriter` of VoIPBIN."""

    def payload(self, event: Event, account: Account) -> dict[str, Any]:  # noqa: ARG002
        """Return `type` and `data`, in this order."""
        return dict(event.fields)

    def writer(self, payload: Mapping[str, Any], snapshot: bytes | None = None) -> "GoContents":  # noqa: ARG002
        """See `RequestWriter`; the snapshot is not written as Go does."""
        return GoContents(payload)

    def headers(self, webhook: Webhook) -> Mapping[str, str]:  # noqa: ARG002
        """Return nothing: VoIPBIN adds no ids."""
        return NOTHING

    def signatures(self, webhook: Webhook, content: bytes) -> Mapping[str, str]:
        """Return the HMAC of the body, where the webhook has a secret of VoIPBIN's."""
        if not webhook.dialect_secret:
            return NOTHING
        signature = hmac.digest(webhook.dialect_secret, content, hashlib.sha256).hex()
        return {SIGNATURE: f"sha256={signature}"}


class GoContents:
    """Writes the one body that all requests of an event have, GET and DELETE included."""

    def __init__(self, payload: Mapping[str, Any]) -> None:
        self._payload = payload

    @cached_property
    def _only(self) -> Content:
        members = dict(self._payload)
        if members.keys() == {"data_type", "data"}:
            # What a flow sends has a body and a content type of its own.
            return Content(str(members["data_type"]), go_json(members["data"]))
        return Content("application/json", go_json(members))

    def content(self, webhook: Webhook) -> Content:  # noqa: ARG002
        """Return the body."""
        return self._only
