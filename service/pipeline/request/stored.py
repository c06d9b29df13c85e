"""The content of a delivery that waited in the store, with what its webhook wants now."""

from service.dialects.dialect import Dialects
from service.domain.delivery import Delivery
from service.domain.webhook import Webhook
from service.pipeline.request.build import content_of
from service.pipeline.request.private import Part, split_by_privacy
from service.pipeline.request.times import times_of
from service.pipeline.request.versions import Snapshot
from service.text.json_text import read_json


def part_of(dialects: Dialects, delivery: Delivery, webhook: Webhook) -> Part:
    """Return the delivery by itself, and its content."""
    snapshot = Snapshot(read_json(delivery.payload), delivery.payload, delivery.schema_version)
    times = times_of(delivery.received_at, delivery.occurred_at)
    content = content_of(dialects.of(delivery.source), delivery.hook, snapshot, times)
    (part,) = split_by_privacy([(delivery, webhook)], content, snapshot)
    return part
