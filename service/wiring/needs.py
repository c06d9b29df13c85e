"""Permissions that single uses of the broker need, for `switchhook check`."""

from collections.abc import Iterator

from service.adapters.rabbitmq.topology.permissions import DEFAULT_EXCHANGE, Action, Need
from service.adapters.rabbitmq.topology.queues import Names
from service.dialects.dialect import Dialect, Dialects
from service.dialects.leg_questions import LegQuestions
from service.settings.model import Settings

ANSWERS = "get no answer"


def needs_of(settings: Settings, dialects: Dialects) -> Iterator[Need]:
    """Yield what each use needs beside our own objects and the exchanges of events."""
    names = Names(settings.amqp.prefix)
    yield Need(_writing(DEFAULT_EXCHANGE), f"questions in {names.ask} {ANSWERS}")
    for dialect in dialects.enabled:
        yield from _needs_of(dialect, names, watchdog=settings.calls.watchdog)


def _needs_of(dialect: Dialect, names: Names, *, watchdog: bool) -> Iterator[Need]:
    questions, asked, server = dialect.leg_questions, dialect.asked, dialect.rpc
    if questions and questions.answers_on:
        # Its apps get all their answers by this exchange, those of ours as well.
        lost = f"questions in {names.ask} by {dialect.name}'s convention {ANSWERS}"
        yield Need(_writing(questions.answers_on), lost)
    if questions and watchdog:
        lost = f"{dialect.name} is not asked for calls whose end it never told; they stay open"
        yield Need(tuple(_asking(questions)), lost)
    if dialect.announcement:
        lost = f"{dialect.name} is not told of webhooks that are disabled"
        yield Need(_writing(dialect.announcement.exchange), lost)
    if asked:
        permissions = (("read", asked.binding.exchange), *_writing(*asked.publishes_on))
        yield Need(permissions, f"requests in {names.asked(dialect.name)} {ANSWERS}", wanted=True)
    if server:
        permissions = _writing(*server.publishes_on, DEFAULT_EXCHANGE)
        yield Need(permissions, f"requests in {server.queue} {ANSWERS}", wanted=True)


def _asking(questions: LegQuestions) -> Iterator[tuple[Action, str]]:
    yield "write", questions.exchange or DEFAULT_EXCHANGE
    if questions.answers_on:
        yield "configure", questions.answers_on
        yield "read", questions.answers_on


def _writing(*exchanges: str) -> tuple[tuple[Action, str], ...]:
    return tuple(("write", exchange) for exchange in exchanges)
