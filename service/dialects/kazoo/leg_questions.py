"""Questions about legs as Kazoo's own apps ask them (`kapi_call.erl`, `channel_status_req`).

Every ecallmgr answers, and those that do not know the call say `terminated`: any `active` wins.
"""

from service import __version__
from service.dialects.body import read_object
from service.dialects.kazoo.samples import encoded
from service.dialects.leg_questions import LegQuestion
from service.domain.call import Conversation, Leg
from service.domain.errors import RejectedMessage
from service.domain.event import Event, Message
from service.domain.leg_state import LegState
from service.domain.publication import Publication
from service.text.gregorian import GREGORIAN_OFFSET_S
from service.text.json_text import write_json
from service.text.times import rfc3339

MOST_BYTES = 262_144
STATES = {
    "active": LegState.THERE,
    "tmpdown": LegState.THERE,
    "terminated": LegState.GONE,
}


class KazooLegQuestions:
    """See `LegQuestions`."""

    exchange = "callevt"
    answers_on = "targeted"
    collect_s = 2.0
    several = True

    def question(self, leg: str, question_id: str, reply_to: str) -> LegQuestion:
        """See `LegQuestions`."""
        body = {
            "App-Name": "switchhook",
            "App-Version": __version__,
            "Event-Category": "call_event",
            "Event-Name": "channel_status_req",
            "Msg-ID": question_id,
            "Server-ID": reply_to,
            "Call-ID": leg,
        }
        key = f"call.status_req.{encoded(leg)}"
        return LegQuestion(Publication(self.exchange, key, write_json(body)), question_id)

    def state(self, body: bytes, question_id: str) -> LegState:
        """See `LegQuestions`."""
        try:
            answer = read_object(Message("kazoo", "", "", body), MOST_BYTES)
        except RejectedMessage:
            return LegState.UNKNOWN
        if answer.get("Msg-ID") != question_id:
            return LegState.UNKNOWN
        return STATES.get(str(answer.get("Status")), LegState.UNKNOWN)

    def end(self, conversation: Conversation, leg: Leg, event_id: str, now: float) -> Event:
        """Return a `channel_destroy` with what is known of the leg, and marks."""
        facts = leg.facts
        fields = {
            "account_id": conversation.account_id,
            "call_direction": facts.get("direction"),
            "call_id": leg.call_id,
            "callee_id_number": facts.get("to"),
            "caller_id_number": facts.get("from"),
            "owner_id": facts.get("user_id"),
            "hook_event": "channel_destroy",
            "synthetic": True,
            "reason": "no_end_seen",
            "last_seen_at": rfc3339(leg.seen_at),
            "detected_at": rfc3339(now),
        }
        message = {
            "Call-ID": leg.call_id,
            "Timestamp": int(leg.seen_at) + GREGORIAN_OFFSET_S,
            "Call-Direction": facts.get("direction"),
            "Custom-Channel-Vars": {"Call-Interaction-ID": conversation.conversation_id},
            "Synthetic": True,
        }
        return Event(
            event_id=event_id,
            source="kazoo",
            hook="channel_destroy",
            name="CHANNEL_DESTROY",
            account_id=conversation.account_id,
            fields=fields,
            call_id=leg.call_id,
            message=message,
        )
