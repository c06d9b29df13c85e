"""Asks switches about legs; see `ports.LegChecks`.

Every question has an exclusive queue of its own for its answers, as VoIPBIN's services name no
question in theirs. Questions are rare: a few a second at most.
"""

import asyncio
import secrets
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from functools import partial
from typing import TypeVar

import structlog
from aio_pika import DeliveryMode, ExchangeType, Message
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractIncomingMessage

from service.adapters.rabbitmq.link import BROKER_ERRORS, describe
from service.adapters.rabbitmq.topology.queues import Names
from service.cancellation import honour_cancellation
from service.dialects.leg_questions import LegQuestion, LegQuestions
from service.domain.leg_state import LegState, agreed
from service.domain.publication import Publication

SET_UP_S = 2.0
T = TypeVar("T")

log = structlog.get_logger(__name__)


class LegChecks:
    """Asks over the connection that it was last given."""

    def __init__(self, names: Names, by_source: Mapping[str, LegQuestions]) -> None:
        self._names = names
        self._by_source = by_source
        self._connection: AbstractConnection | None = None
        self._is_new = asyncio.Event()

    def use(self, connection: AbstractConnection | None) -> None:
        """Ask over this connection from now on; None where it was lost."""
        self._connection = connection
        if connection is not None:
            self._is_new.set()

    async def connected(self) -> None:
        """See `ports.LegChecks`."""
        await self._is_new.wait()
        self._is_new.clear()

    async def ask(self, source: str, leg: str) -> LegState:
        """See `ports.LegChecks`. A question that cannot be asked is not answered."""
        questions = self._by_source.get(source)
        if questions is None:
            return LegState.UNKNOWN
        several = questions.several

        def is_enough(state: LegState) -> bool:
            return state is LegState.THERE or not several

        question = partial(questions.question, leg)
        return agreed(await self._answers(questions, question, questions.state, is_enough))

    async def listed(self, source: str) -> Collection[str] | None:
        """See `ports.LegChecks`. A leg is there if one of the switches has it."""
        questions = self._by_source.get(source)
        if questions is None:
            return None
        listing, read = questions.listing, questions.listed
        answers = await self._answers(questions, listing, read, lambda _: False)
        lists = [one for one in answers if one is not None]
        return frozenset().union(*lists) if lists else None

    async def _answers(
        self,
        questions: LegQuestions,
        question: Callable[[str, str], LegQuestion | None],
        read: Callable[[bytes, str], T],
        is_enough: Callable[[T], bool],
    ) -> list[T]:
        """Ask, and return the answers that came until one is enough, or the time is over."""
        connection = self._connection
        if connection is None:
            return []
        try:
            async with asyncio.timeout(questions.collect_s + SET_UP_S):
                channel = await connection.channel(publisher_confirms=False)
                async with channel:
                    return await self._collected(channel, questions, question, read, is_enough)
        except BROKER_ERRORS as error:
            log.warning("leg.not_asked", error=describe(error))
        except asyncio.CancelledError:
            honour_cancellation()
        return []

    async def _collected(
        self,
        channel: AbstractChannel,
        questions: LegQuestions,
        question: Callable[[str, str], LegQuestion | None],
        read: Callable[[bytes, str], T],
        is_enough: Callable[[T], bool],
    ) -> list[T]:
        question_id = secrets.token_hex(8)
        name = f"{self._names.live}.question.{question_id}"
        asked = question(question_id, name)
        if asked is None:
            return []
        queue = await channel.declare_queue(name, exclusive=True, auto_delete=True)
        if questions.answers_on:
            # As Kazoo declares it; whoever comes first does.
            await channel.declare_exchange(questions.answers_on, ExchangeType.DIRECT)
            await queue.bind(questions.answers_on, queue.name)
        answers: list[T] = []
        enough = asyncio.Event()

        async def take(answer: AbstractIncomingMessage) -> None:
            answers.append(read(answer.body, question_id))
            if is_enough(answers[-1]):
                enough.set()

        await queue.consume(take, no_ack=True)
        await self._publish(channel, asked.publication, queue.name, questions.collect_s)
        with suppress(TimeoutError):
            await asyncio.wait_for(enough.wait(), questions.collect_s)
        return answers

    async def _publish(
        self, channel: AbstractChannel, publication: Publication, reply_to: str, valid_s: float
    ) -> None:
        exchange = channel.default_exchange
        if publication.exchange:
            exchange = await channel.get_exchange(publication.exchange, ensure=False)
        message = Message(
            publication.body,
            content_type="application/json",
            delivery_mode=DeliveryMode.NOT_PERSISTENT,
            reply_to=reply_to,
            expiration=valid_s,
        )
        await exchange.publish(message, publication.routing_key, mandatory=False)
