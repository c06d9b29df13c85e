"""Questions about legs as Kazoo's own apps ask them (`kapi_call.erl`, `channel_status_req`).

Every ecallmgr answers, and those that do not know the call say `terminated`: any `active` wins.
`query_channels_req` lists all of them: `Channels` has an object for each call id
(`ecallmgr_fs_channels.erl`, `handle_query_channels`).
"""

from collections.abc import Collection, Mapping
from typing import Any

from service import __version__
from service.dialects.body import read_object
from service.dialects.kazoo.samples import encoded
from service.dialects.leg_questions import LegQuestion
from service.domain.call import Conversation, Leg
from service.domain.errors import RejectedMessage
from service.domain.event import Event, Message
from service.domain.leg_state import LegState
from service.domain.publication import Publication
from service.text.json_text import write_json
from service.text.times import rfc3339

MOST_BYTES = 262_144
MOST_LISTED_BYTES = 33_554_432
"""A hundred bytes for each of 300,000 legs."""
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
        wanted = {"Event-Name": "channel_status_req", "Call-ID": leg}
        return self._question(encoded(leg), wanted, question_id, reply_to)

    def listing(self, question_id: str, reply_to: str) -> LegQuestion:
        """See `LegQuestions`. Kazoo wants a field to be named; what is listed are the keys."""
        wanted = {"Event-Name": "query_channels_req", "Fields": ["Account-ID"]}
        return self._question("channels", wanted, question_id, reply_to)

    def _question(
        self, subject: str, wanted: Mapping[str, Any], question_id: str, reply_to: str
    ) -> LegQuestion:
        body = {
            "App-Name": "switchhook",
            "App-Version": __version__,
            "Event-Category": "call_event",
            "Msg-ID": question_id,
            "Server-ID": reply_to,
            **wanted,
        }
        key = f"call.status_req.{subject}"
        return LegQuestion(Publication(self.exchange, key, write_json(body)), question_id)

    def state(self, body: bytes, question_id: str) -> LegState:
        """See `LegQuestions`."""
        answer = _answer(body, question_id, MOST_BYTES)
        return STATES.get(str(answer.get("Status")), LegState.UNKNOWN)

    def listed(self, body: bytes, question_id: str) -> Collection[str] | None:
        """See `LegQuestions`. Erlang writes an empty object as it likes: `[]` is none as well."""
        answer = _answer(body, question_id, MOST_LISTED_BYTES)
        channels = answer.get("Channels")
        if isinstance(channels, Mapping):
            return channels
        return () if channels == [] else None

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
            occurred_at=leg.seen_at,
        )


def _answer(body: bytes, question_id: str, most_bytes: int) -> Mapping[str, Any]:
    """Return the answer to a question; nothing for another message."""
    try:
        answer = read_object(Message("kazoo", "", "", body), most_bytes)
    except RejectedMessage:
        return {}
    return answer if answer.get("Msg-ID") == question_id else {}
