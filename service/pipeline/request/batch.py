"""The request of a batch: a JSON array with one item for each delivery, signed as a whole."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from service.domain.delivery import Request, Response, batch_id_of
from service.pipeline.request.build import USER_AGENT, EventContent, with_extras
from service.pipeline.request.destination import Owed
from service.pipeline.request.sign import signatures
from service.pipeline.request.versions import SCHEMA
from service.text.json_text import write_json
from service.text.times import rfc3339

JSON = "application/json"
BATCH = "X-Switchhook-Batch"


def item_of(owed: Owed, event_content: EventContent) -> bytes:
    """Return a delivery's item; its `payload` is the body that it has without a batch.

    A body that is not JSON is a string there.
    """
    content = event_content.writer.content(with_extras(owed))
    body = content.content
    if content.content_type != JSON:
        body = write_json(body.decode("utf-8", "replace"))
    about = write_json(_about(owed, event_content))
    return about[:-1] + b',"payload":' + body + b"}"


def _about(owed: Owed, event_content: EventContent) -> dict[str, Any]:
    delivery = owed.delivery
    occurred_at = delivery.occurred_at
    members = {
        "id": delivery.delivery_id,
        "hook": delivery.hook,
        "attempt": len(delivery.past) + 1,
        "occurred_at": None if occurred_at is None else rfc3339(occurred_at),
        "received_at": rfc3339(delivery.received_at),
        "schema": _schema_id(owed, event_content),
        "replay_id": delivery.replay_id,
    }
    return {name: value for name, value in members.items() if value is not None}


def _schema_id(owed: Owed, event_content: EventContent) -> str | None:
    if owed.delivery.webhook is not None:
        return None
    if event_content.versions is not None:
        return event_content.versions.headers(owed.webhook)[SCHEMA]
    return event_content.dialect.schema_ids.get(owed.delivery.hook)


@dataclass(frozen=True, slots=True)
class BatchWriter:
    """Writes the request of these items, in place of `request_for`.

    All belong to one webhook; the delivery that is passed stands for them.
    """

    batch_id: str
    items: Sequence[bytes]
    answer_bytes: int | None = None
    """Bytes of the answer that are wanted, also of one that is a success; None means none."""

    def __call__(
        self,
        owed: Owed,
        event_content: EventContent,
        attempt: int,  # noqa: ARG002 (each item has its own)
        now: float,
        traceparent: str | None = None,
    ) -> Request:
        """Return the signed request; `now` is unix seconds."""
        webhook, requests = owed.webhook, event_content.dialect.requests
        body, timestamp = b"[" + b",".join(self.items) + b"]", str(int(now))
        headers = {
            **owed.destination.headers,
            **requests.headers(webhook),
            BATCH: str(len(self.items)),
            "User-Agent": USER_AGENT,
            "webhook-id": self.batch_id,
            "webhook-timestamp": timestamp,
            "Content-Type": JSON,
        }
        if traceparent is not None:
            headers["traceparent"] = traceparent
        signed = signatures(webhook, self.batch_id, timestamp, body, now)
        if signed is not None:
            headers["webhook-signature"] = signed
        headers |= requests.signatures(webhook, body)
        return Request(
            webhook.verb.value,
            owed.destination.uri,
            "",
            headers,
            body,
            webhook.timeout_s,
            in_full=self.answer_bytes is not None,
            body_bytes=self.answer_bytes,
            account_id=webhook.account_id,
            https_only=webhook.https_only,
        )


def batch_of_one(owed: Owed, event_content: EventContent) -> BatchWriter:
    """Return the writer of a batch with a single delivery."""
    batch_id = batch_id_of([owed.delivery])
    return BatchWriter(batch_id, [item_of(owed, event_content)])


def failed_in(response: Response) -> frozenset[str]:
    """Return the delivery ids in `failed` of an answer; of any other answer, none.

    An answer that was cut off is no JSON, and so fails none.
    """
    try:
        answer = orjson.loads(response.body)
    except orjson.JSONDecodeError:
        return frozenset()
    failed = answer.get("failed") if isinstance(answer, dict) else None
    if not isinstance(failed, list):
        return frozenset()
    return frozenset(one for one in failed if isinstance(one, str))
