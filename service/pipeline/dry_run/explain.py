"""Would it match? What `match` decides, told in words for people."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from service.domain.errors import RejectedMessage, RejectReason
from service.domain.event import Event, Message
from service.domain.webhook import ALL_HOOKS, Account, Webhook
from service.pipeline.build import payload_of
from service.pipeline.match import ANYTHING, fits
from service.ports import Decoder


@dataclass(frozen=True, slots=True)
class Trial:
    """An event that a message tells of, and what would be sent of it."""

    event: Event
    account: Account
    payload: Mapping[str, Any]

    def obstacles(self, webhook: Webhook) -> list[str]:
        """Return why the webhook would not get the event; nothing where it would."""
        return [*_ownership(webhook, self), *_hook(webhook, self.event), *_filters(webhook, self)]


def trials(decoder: Decoder, message: Message, account: Account) -> list[Trial]:
    """Return the events that a message tells of, if it was one of this account's.

    Raises RejectedMessage where the message cannot be understood.
    """
    events = decoder.decode(message, account.account_id)
    return [Trial(event, account, payload_of(event, account)) for event in events]


def as_message(source: str, exchange: str, routing_key: str, body: Mapping[str, Any]) -> Message:
    """Return a message as the switch would have published it. Raises RejectedMessage."""
    try:
        return Message(source, exchange, routing_key, orjson.dumps(body))
    except orjson.JSONEncodeError as error:
        raise RejectedMessage(RejectReason.TOO_DEEP, str(error)) from None


def _ownership(webhook: Webhook, trial: Trial) -> Iterator[str]:
    if not webhook.enabled:
        yield "the webhook is disabled"
    owner = trial.event.account_id
    if webhook.account_id == owner:
        return
    if webhook.account_id not in trial.account.tree:
        yield f"the event is of account {owner}, which is not below the webhook's"
    elif not webhook.include_subaccounts:
        yield "the event is of a sub-account, and include_subaccounts is false"


def _hook(webhook: Webhook, event: Event) -> Iterator[str]:
    if webhook.hook == ALL_HOOKS:
        if not event.reaches_all:
            yield f"hook all gets the message of this event once, and not as {event.hook}"
    elif webhook.hook != event.hook:
        yield f"the webhook is for hook {webhook.hook}, the event is of hook {event.hook}"
    if event.internal_leg and not webhook.include_internal_legs:
        yield "the call leg is internal, and include_internal_legs is false"


def _filters(webhook: Webhook, trial: Trial) -> Iterator[str]:
    event = trial.event
    if webhook.hook != ALL_HOOKS and webhook.filters:
        for key, value in event.filters.items():
            wanted = webhook.filters.get(key, ANYTHING)
            if wanted not in (ANYTHING, value):
                yield f"custom_data.{key} is {wanted!r}, the event's {key} is {value!r}"
    for key, allowed in webhook.modifiers.items():
        if not fits({key: allowed}, trial.payload):
            yield f"modifiers.{key} is {allowed!r}, the event's {key} is {trial.payload[key]!r}"
