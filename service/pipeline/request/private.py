"""Payloads of webhooks that mask or leave out members: of equal rules, one copy per event.

They are made before anything is sent, queued or logged, so that nothing further on has the values.
"""

from collections.abc import Iterable
from dataclasses import replace

from service.domain.call import CallPosition
from service.domain.delivery import Delivery
from service.domain.privacy import Privacy
from service.domain.webhook import Webhook
from service.pipeline.request.build import EventContent, content_of
from service.pipeline.request.versions import Snapshot
from service.text.json_text import read_json, write_json

Pair = tuple[Delivery, Webhook]
Part = tuple[EventContent, Iterable[Pair]]


def split_by_privacy(
    pairs: Iterable[Pair], content: EventContent, snapshot: Snapshot
) -> list[tuple[EventContent, list[Pair]]]:
    """Return the deliveries of one event by the content that they share, masked where asked for.

    Deliveries that come back from a queue may be given: their webhooks' current rules are applied
    once more, as they may have changed.
    """
    plain: list[Pair] = []
    private: dict[object, tuple[EventContent, Snapshot, list[Pair]]] = {}
    for delivery, webhook in pairs:
        if webhook.privacy is None:
            plain.append((delivery, webhook))
            continue
        key = webhook.privacy, webhook.schema_version, delivery.hashed
        if key not in private:
            masked = _masked(webhook, webhook.privacy, delivery, content, snapshot)
            own = content_of(content.dialect, delivery.hook, masked, content.times)
            private[key] = own, masked, []
        _, masked, group = private[key]
        group.append((_with(delivery, webhook.privacy, masked, snapshot), webhook))
    shared = [(content, plain)] if plain else []
    return [*shared, *((own, group) for own, _, group in private.values())]


def private(delivery: Delivery, webhook: Webhook, content: EventContent) -> Part:
    """Return a delivery with the rules that its webhook has now, and its content."""
    text = delivery.payload
    snapshot = Snapshot(read_json(text), text, delivery.schema_version)
    (part,) = split_by_privacy([(delivery, webhook)], content, snapshot)
    return part


def _masked(
    webhook: Webhook,
    privacy: Privacy,
    delivery: Delivery,
    content: EventContent,
    snapshot: Snapshot,
) -> Snapshot:
    """Return the payload in the webhook's version, whose members its rules name, masked."""
    payload, version = snapshot.payload, snapshot.version
    if content.versions is not None:
        payload, version = content.versions.payload(webhook), content.versions.version(webhook)
    masked = privacy.applied(payload, delivery.hashed)
    return Snapshot(masked, write_json(masked), version)


def _with(delivery: Delivery, privacy: Privacy, masked: Snapshot, snapshot: Snapshot) -> Delivery:
    """Return the delivery with a masked payload; its call id is hidden where the payload's is."""
    call_id = delivery.call_id
    if call_id is not None:
        call_id = privacy.disguised(call_id, snapshot.payload, delivery.hashed)
    position = delivery.position
    if position is not None and call_id != delivery.call_id:
        position = replace(position, conversation_id=_hidden(position, privacy, delivery, snapshot))
    return replace(
        delivery,
        position=position,
        payload=masked.text,
        schema_version=masked.version,
        call_id=call_id,
        hashed=tuple(dict.fromkeys((*delivery.hashed, *privacy.hashes))),
    )


def _hidden(
    position: CallPosition, privacy: Privacy, delivery: Delivery, snapshot: Snapshot
) -> str:
    """Return the conversation's id as the rules leave a call id: it may be that of another leg."""
    as_call = {
        name: position.conversation_id if value == delivery.call_id else value
        for name, value in snapshot.payload.items()
    }
    return privacy.disguised(position.conversation_id, as_call, delivery.hashed) or ""
