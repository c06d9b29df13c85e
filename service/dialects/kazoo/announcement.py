"""Announcement on the bus that a webhook was disabled, in the form of Kazoo's own app."""

import uuid

from service.dialects.bus_message import BusMessage
from service.dialects.dialect import Announcement
from service.dialects.kazoo.events.notifications import CATEGORY, binding
from service.domain.webhook import Webhook

WHERE = binding(["webhook_disabled"])


def disabled_message(webhook: Webhook) -> BusMessage:
    """Return the notification `webhook_disabled`."""
    body = {
        "Hook-ID": webhook.webhook_id,
        "Account-ID": webhook.account_id,
        "Event-Category": CATEGORY,
        "Event-Name": "webhook_disabled",
        "Msg-ID": uuid.uuid4().hex,
        "App-Name": "webhooks",
        "App-Version": "4.0.0",
    }
    return BusMessage(WHERE.exchange, WHERE.exchange_type, WHERE.routing_keys[0], body, {})


ANNOUNCEMENT = Announcement(WHERE.exchange, disabled_message)
