"""Versions of one event's payload, for webhooks that are pinned to earlier schemas."""

from collections.abc import Mapping
from typing import Any

from service.dialects.content import Content
from service.dialects.dialect import Dialect, RequestWriter
from service.dialects.hook import Hook
from service.domain.immutable import immutable
from service.domain.webhook import Webhook

SCHEMA = "X-Switchhook-Schema"


@immutable
class Snapshot:
    """An event's payload as JSON members and as JSON text, and the version of its schema."""

    payload: Mapping[str, Any]
    text: bytes
    version: int = 1


class Versions:
    """The payload and the contents of one event by version, each made only once."""

    def __init__(self, hook: Hook, requests: RequestWriter, snapshot: Snapshot) -> None:
        self._hook = hook
        self._requests = requests
        self._newest = snapshot.version
        self._payloads = {snapshot.version: snapshot.payload}
        self._writers = {snapshot.version: requests.writer(snapshot.payload, snapshot.text)}

    def payload(self, webhook: Webhook) -> Mapping[str, Any]:
        """Return the payload in the webhook's version."""
        version = self.version(webhook)
        payload = self._payloads.get(version)
        if payload is None:
            payload = self._hook.payload_of(version, self._payloads[self._newest])
            self._payloads[version] = payload
        return payload

    def content(self, webhook: Webhook) -> Content:
        """Return the content of the webhook's request; see `ContentWriter`."""
        version = self.version(webhook)
        writer = self._writers.get(version)
        if writer is None:
            writer = self._writers[version] = self._requests.writer(self.payload(webhook))
        return writer.content(webhook)

    def version(self, webhook: Webhook) -> int:
        """Return the webhook's version, or the payload's own where no rule leads from it."""
        if self._newest != self._hook.version:
            # The event happened before the current version: the rules start from that one.
            return self._newest
        return self._hook.pinned(webhook.schema_version)

    def headers(self, webhook: Webhook) -> dict[str, str]:
        """Return the schema's id, and for an earlier version since and until when it is served."""
        version = self.version(webhook)
        earlier = self._hook.earlier_version(version)
        headers = {} if earlier is None else earlier.headers
        return headers | {SCHEMA: self._hook.schema_id_of(version)}


def versions_of(dialect: Dialect, hook_id: str, snapshot: Snapshot) -> Versions | None:
    """Return the versions of an event's payload, or None where the current one is all there is."""
    hook = dialect.by_id.get(hook_id)
    if hook is None or not (hook.earlier or hook.version != snapshot.version):
        return None
    return Versions(hook, dialect.requests, snapshot)
