"""Looks after legs of which nothing was told for long; never ends a call."""

import time
from collections.abc import Awaitable, Callable
from hashlib import blake2b

from service.domain.call import Conversation, Leg
from service.domain.call_policy import CallPolicy
from service.domain.event import Event
from service.domain.own_events import CALL_SUSPECT, own_event
from service.text.times import rfc3339


class CallWatchdog:
    """Tells of legs that seem to have no end."""

    def __init__(
        self,
        deliver: Callable[[Event], Awaitable[None]],
        policy: CallPolicy,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._deliver = deliver
        self._policy = policy
        self._clock = clock

    async def look_after(self, conversation: Conversation) -> float:
        """Tell of the legs that are quiet for too long; return when to look again."""
        now, again = self._clock(), []
        for leg in conversation.legs.values():
            if leg.gone:
                continue
            quiet_s = self._quiet_s(leg)
            if leg.seen_at + quiet_s > now:
                again.append(leg.seen_at + quiet_s)
                continue
            await self._deliver(_suspect(conversation, leg, now))
            again.append(now + quiet_s)
        return min(again, default=now + self._policy.quiet_answered_s)

    def _quiet_s(self, leg: Leg) -> float:
        answered = leg.answered_at is not None
        return self._policy.quiet_answered_s if answered else self._policy.quiet_unanswered_s


def _suspect(conversation: Conversation, leg: Leg, now: float) -> Event:
    key = f"{CALL_SUSPECT}/{conversation.key}/{leg.call_id}/{leg.seen_at}"
    event_id = blake2b(key.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    members = {
        "conversation_id": conversation.conversation_id,
        "call_id": leg.call_id,
        "last_seen_at": rfc3339(leg.seen_at),
        "detected_at": rfc3339(now),
    }
    return own_event(CALL_SUSPECT, conversation.account_id, event_id, members)
