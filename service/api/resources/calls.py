"""`/v2/accounts/{A}/calls/{call_id}`: what is known of a call."""

from dataclasses import dataclass
from typing import Any

from service.api.http.operation import Answer, ApiCall, operation
from service.api.shapes.calls import CallAnswer
from service.domain.call import Conversation
from service.domain.call_summary import legs_of, summary_of
from service.domain.errors import NotFound
from service.domain.held import HeldDelivery
from service.management.calls import Calls, KnownCall
from service.text.times import rfc3339


@dataclass(frozen=True, slots=True)
class CallHandlers:
    """Only accounts with a webhook that wants calls to be followed have any."""

    calls: Calls

    @operation(
        "GET",
        "/v2/accounts/{account_id}/calls/{call_id}",
        name="getCall",
        tag="Calls",
        data=CallAnswer,
    )
    async def one(self, call: ApiCall) -> Answer:
        """Return a call by its conversation's id, or by that of one of its legs."""
        call_id = call.path["call_id"]
        found = await self.calls.find(call.account_id, call_id)
        if found is None:
            raise NotFound(call_id)
        return Answer(_view(found))


def _view(known: KnownCall) -> dict[str, Any]:
    conversation = known.conversation
    return {
        "conversation_id": conversation.conversation_id,
        "source": conversation.source,
        "over": conversation.over,
        "revision": conversation.revision,
        "summary": summary_of(conversation) if conversation.over else None,
        "legs": legs_of(conversation),
        "events": _events(conversation),
        "waiting": [_waiting(held) for held in known.waiting],
    }


def _events(conversation: Conversation) -> list[dict[str, Any]]:
    return [
        {"event_id": event.event_id, "sequence": sequence, "open_for": list(event.open_for)}
        for sequence, event in enumerate(conversation.events, conversation.first_sequence)
    ]


def _waiting(held: HeldDelivery) -> dict[str, Any]:
    delivery = held.delivery
    return {
        "delivery_id": delivery.delivery_id,
        "hook_id": delivery.webhook_id,
        "hook": delivery.hook,
        "sequence": 0 if delivery.position is None else delivery.position.sequence,
        "attempts": len(delivery.past),
        "begun": held.begun,
        "due_at": rfc3339(held.due_at),
    }
