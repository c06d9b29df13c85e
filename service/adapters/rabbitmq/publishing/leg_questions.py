"""Asks switches about legs; see `ports.SwitchQuestions`.

Every question has an exclusive queue of its own for its answers, as VoIPBIN's services name no
question in theirs. Questions are rare: a few a second at most.
"""

import asyncio
import secrets
from collections.abc import Mapping
from contextlib import suppress

import structlog
from aio_pika import DeliveryMode, ExchangeType, Message
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractIncomingMessage

from service.adapters.rabbitmq.link import BROKER_ERRORS, describe
from service.adapters.rabbitmq.topology.queues import Names
from service.cancellation import honour_cancellation
from service.dialects.leg_questions import LegQuestions
from service.domain.leg_state import LegState, agreed

SET_UP_S = 2.0

log = structlog.get_logger(__name__)


class SwitchQuestions:
    """Asks over the connection that it was last given."""

    def __init__(self, names: Names, by_source: Mapping[str, LegQuestions]) -> None:
        self._names = names
        self._by_source = by_source
        self._connection: AbstractConnection | None = None

    def use(self, connection: AbstractConnection | None) -> None:
        """Ask over this connection from now on; None where it was lost."""
        self._connection = connection

    async def ask(self, source: str, leg: str) -> LegState:
        """See `ports.SwitchQuestions`. A question that cannot be asked is not answered."""
        connection, questions = self._connection, self._by_source.get(source)
        if connection is None or questions is None:
            return LegState.UNKNOWN
        try:
            async with asyncio.timeout(questions.collect_s + SET_UP_S):
                channel = await connection.channel(publisher_confirms=False)
                async with channel:
                    return await self._asked(channel, questions, leg)
        except BROKER_ERRORS as error:
            log.warning("leg.not_asked", call_id=leg[:80], error=describe(error))
        except asyncio.CancelledError:
            honour_cancellation()
        return LegState.UNKNOWN

    async def _asked(self, channel: AbstractChannel, questions: LegQuestions, leg: str) -> LegState:
        question_id = secrets.token_hex(8)
        queue = await channel.declare_queue(
            f"{self._names.live}.question.{question_id}", exclusive=True, auto_delete=True
        )
        if questions.answers_on:
            # As Kazoo declares it; whoever comes first does.
            await channel.declare_exchange(questions.answers_on, ExchangeType.DIRECT)
            await queue.bind(questions.answers_on, queue.name)
        states: list[LegState] = []
        enough = asyncio.Event()

        async def take(answer: AbstractIncomingMessage) -> None:
            states.append(questions.state(answer.body, question_id))
            if states[-1] is LegState.THERE or not questions.several:
                enough.set()

        await queue.consume(take, no_ack=True)
        question = questions.question(leg, question_id, queue.name).publication
        exchange = channel.default_exchange
        if question.exchange:
            exchange = await channel.get_exchange(question.exchange, ensure=False)
        message = Message(
            question.body,
            content_type="application/json",
            delivery_mode=DeliveryMode.NOT_PERSISTENT,
            reply_to=queue.name,
            expiration=questions.collect_s,
        )
        await exchange.publish(message, question.routing_key, mandatory=False)
        with suppress(TimeoutError):
            await asyncio.wait_for(enough.wait(), questions.collect_s)
        return agreed(states)
