"""Questions about calls to VoIPBIN's call-manager, as its other services ask them."""

from service.dialects.body import read_object
from service.dialects.leg_questions import LegQuestion
from service.domain.call import Conversation, Leg
from service.domain.errors import RejectedMessage
from service.domain.event import Event, Message
from service.domain.leg_state import LegState
from service.domain.publication import Publication
from service.text.json_text import write_json
from service.text.times import rfc3339

MOST_BYTES = 262_144
ENDED = "hangup"
"""The status of a call that is over."""


class VoipbinLegQuestions:
    """See `LegQuestions`. The only answer goes to a queue of this question alone."""

    exchange = ""
    answers_on = ""
    collect_s = 3.0
    several = False

    def question(self, leg: str, question_id: str, reply_to: str) -> LegQuestion:  # noqa: ARG002
        """See `LegQuestions`; the queue is the `reply_to` of the message."""
        body = {
            "uri": f"/v1/calls/{leg}",
            "method": "GET",
            "publisher": "switchhook",
            "data_type": "application/json",
            "data": None,
        }
        queue = "bin-manager.call-manager.request"
        return LegQuestion(Publication(self.exchange, queue, write_json(body)), question_id)

    def listing(self, question_id: str, reply_to: str) -> None:
        """See `LegQuestions`: the call-manager lists calls in pages only, also those that ended."""

    def listed(self, body: bytes, question_id: str) -> None:
        """See `LegQuestions`."""

    def state(self, body: bytes, question_id: str) -> LegState:  # noqa: ARG002
        """See `LegQuestions`."""
        try:
            answer = read_object(Message("voipbin", "", "", body), MOST_BYTES)
        except RejectedMessage:
            return LegState.UNKNOWN
        if answer.get("status_code") == 404:
            return LegState.GONE
        data = answer.get("data")
        status = data.get("status") if isinstance(data, dict) else None
        if answer.get("status_code") != 200 or not isinstance(status, str):
            return LegState.UNKNOWN
        return LegState.GONE if status == ENDED else LegState.THERE

    def end(self, conversation: Conversation, leg: Leg, event_id: str, now: float) -> Event:
        """Return a `call_hangup` with the call's ids, and marks."""
        data = {
            "id": leg.call_id,
            "customer_id": conversation.account_id,
            "master_call_id": conversation.conversation_id,
            "synthetic": True,
            "reason": "no_end_seen",
            "last_seen_at": rfc3339(leg.seen_at),
            "detected_at": rfc3339(now),
        }
        return Event(
            event_id=event_id,
            source="voipbin",
            hook="call_hangup",
            name="call_hangup",
            account_id=conversation.account_id,
            fields={"type": "call_hangup", "data": data},
            call_id=leg.call_id,
        )
