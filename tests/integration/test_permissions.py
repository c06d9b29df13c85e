"""A user with the permissions of the operator's document, and users with one of them less."""

import re
from collections.abc import Iterator

import aio_pika
from pydantic import SecretStr

from service.adapters.rabbitmq.link import connect
from service.adapters.rabbitmq.publishing.leg_checks import LegChecks
from service.adapters.rabbitmq.topology.queues import Names
from service.app import examine
from service.dev.rabbit_server import RabbitServer
from service.dev.servers import MongoServer
from service.dialects.kazoo.leg_questions import KazooLegQuestions
from service.dialects.kazoo.policy import KazooPolicy
from service.dialects.known import dialects_of
from service.domain.leg_state import LegState
from service.settings.model import Settings
from tests.broker_users import (
    Expressions,
    add_users,
    as_user,
    declare_exchanges,
    documented_permissions,
)
from tests.e2e.ecallmgrs import ecallmgrs

BASE, WHOLE = documented_permissions()
ASKED = Settings(kazoo=KazooPolicy(answer_pivot_requests="callevt"))
DIALECTS = dialects_of(ASKED)
ADD = "add to the user's permissions:"
IF_NEEDED = f"where you need it, {ADD}"
NO_CALLS = "kazoo is not asked for calls whose end it never told; they stay open"
NO_REQUESTS = "requests in switchhook.ask-kazoo get no answer"


async def said(url: str, store: MongoServer, asked: Settings) -> list[str]:
    """Return what a check says of permissions: its lines that begin with `may not`."""
    amqp = asked.amqp.model_copy(update={"url": SecretStr(url)})
    mongo = asked.mongo.model_copy(update={"url": SecretStr(store.url)})
    found = await examine(asked.model_copy(update={"amqp": amqp, "mongo": mongo}))
    findings = [one for one in found if one.about == "broker" and one.text.startswith("may not")]
    assert any(one.fatal for one in found) is any(one.fatal for one in findings)
    return [f"{one.severity} {one.text}; {one.remedy}" for one in findings]


def without(action: str, exchange: str) -> Expressions:
    """Return the documented permissions, one exchange less in one of them."""
    index = ("configure", "write", "read").index(action)
    less = WHOLE[index].replace(re.escape(exchange), "nothing")
    assert less != WHOLE[index]
    configure, write, read = (less if n == index else one for n, one in enumerate(WHOLE))
    return configure, write, read


LACKING = {
    ("write", "amq.default"): [
        "warning may not write to amq.default: questions in switchhook.ask get no answer; "
        rf"{IF_NEEDED} write |^amq\.default$"
    ],
    ("write", "targeted"): [
        "warning may not write to targeted: "
        "questions in switchhook.ask by kazoo's convention get no answer; "
        f"{IF_NEEDED} write |^targeted$",
        f"problem may not write to targeted: {NO_REQUESTS}; {ADD} write |^targeted$",
    ],
    ("write", "callevt"): [
        f"warning may not write to callevt: {NO_CALLS}; {IF_NEEDED} write |^callevt$",
        f"problem may not write to callevt: {NO_REQUESTS}; {ADD} write |^callevt$",
    ],
    ("configure", "targeted"): [
        f"warning may not configure targeted: {NO_CALLS}; {IF_NEEDED} configure |^targeted$"
    ],
    ("read", "targeted"): [
        f"warning may not read targeted: {NO_CALLS}; {IF_NEEDED} read |^targeted$"
    ],
    ("read", "callmgr"): [f"problem may not read callmgr: {NO_REQUESTS}; {ADD} read |^callmgr$"],
    ("write", "notifications"): [
        "warning may not write to notifications: kazoo is not told of webhooks that are disabled; "
        f"{IF_NEEDED} write |^notifications$"
    ],
}
"""What is said of a user who lacks one of the documented permissions."""


async def test_the_documented_permissions_are_enough_and_each_that_is_missing_is_named(
    broker: RabbitServer, store: MongoServer, amqp_url: str, numbers: Iterator[int]
) -> None:
    await declare_exchanges(amqp_url, DIALECTS)
    names = {lacking: f"lacking{next(numbers)}" for lacking in LACKING}
    whole = f"whole{next(numbers)}"
    users = {whole: WHOLE, **{name: without(*lacking) for lacking, name in names.items()}}
    await add_users(broker, amqp_url.rpartition("/")[2], users)
    assert await said(as_user(amqp_url, whole), store, ASKED) == []
    for lacking, name in names.items():
        assert await said(as_user(amqp_url, name), store, ASKED) == LACKING[lacking]


async def test_a_user_with_the_first_command_alone_is_told_what_it_does_without(
    broker: RabbitServer, store: MongoServer, amqp_url: str, numbers: Iterator[int]
) -> None:
    await declare_exchanges(amqp_url, DIALECTS)
    name = f"base{next(numbers)}"
    await add_users(broker, amqp_url.rpartition("/")[2], {name: BASE})
    told = await said(as_user(amqp_url, name), store, Settings())
    assert told == [
        *LACKING["write", "amq.default"],
        LACKING["write", "targeted"][0],
        f"warning may not write to callevt, configure targeted, read targeted: {NO_CALLS}; "
        f"{IF_NEEDED} write |^callevt$, configure |^targeted$, read |^targeted$",
    ]


async def test_a_check_sends_the_switch_no_message(store: MongoServer, amqp_url: str) -> None:
    await declare_exchanges(amqp_url, DIALECTS)
    async with await aio_pika.connect(amqp_url) as connection:
        channel = await connection.channel()
        everything = await channel.declare_queue(exclusive=True)
        for exchange in ("callevt", "callmgr", "notifications"):
            await everything.bind(exchange, "#")
        assert await said(amqp_url, store, ASKED) == []
        assert await everything.get(fail=False) is None


async def test_with_the_documented_permissions_kazoo_is_asked_for_a_call(
    broker: RabbitServer, amqp_url: str, numbers: Iterator[int]
) -> None:
    name = f"asks{next(numbers)}"
    await add_users(broker, amqp_url.rpartition("/")[2], {name: WHOLE})
    checks = LegChecks(Names("switchhook"), {"kazoo": KazooLegQuestions()})
    async with (
        ecallmgrs(amqp_url, ["leg"]),
        await connect(as_user(amqp_url, name), "test") as connection,
    ):
        checks.use(connection)
        assert await checks.ask("kazoo", "leg") is LegState.THERE
