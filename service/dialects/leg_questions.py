"""How a switch is asked over the bus whether it still has a leg, and what follows if not."""

from collections.abc import Collection
from typing import Protocol

from service.domain.call import Conversation, Leg
from service.domain.event import Event
from service.domain.immutable import immutable
from service.domain.leg_state import LegState
from service.domain.publication import Publication


@immutable
class LegQuestion:
    """A question about a leg. Its answers name `question_id`, or come to `reply_to` alone."""

    publication: Publication
    question_id: str


class LegQuestions(Protocol):
    """Writes questions about legs and reads their answers. Free of I/O."""

    @property
    def exchange(self) -> str:
        """The exchange that questions are published on; empty for a queue's name as the key."""

    @property
    def answers_on(self) -> str:
        """The exchange that answers come by, with the queue's name as their key; may be empty."""

    @property
    def collect_s(self) -> float:
        """Seconds for which answers are collected, as several nodes may answer."""

    @property
    def several(self) -> bool:
        """Whether one answer that the leg is gone proves nothing."""

    def question(self, leg: str, question_id: str, reply_to: str) -> LegQuestion:
        """Return the question; answers go to the queue `reply_to`."""

    def listing(self, question_id: str, reply_to: str) -> LegQuestion | None:
        """Return the question for all legs of the switches, where there is one."""

    def listed(self, body: bytes, question_id: str) -> Collection[str] | None:
        """Return the legs that an answer lists; None for one to another question."""

    def state(self, body: bytes, question_id: str) -> LegState:
        """Return what an answer says; one to another question is unknown."""

    def end(self, conversation: Conversation, leg: Leg, event_id: str, now: float) -> Event:
        """Return the event of an end that no switch told, without invented facts."""
