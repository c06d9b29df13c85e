"""Users of a switch's broker, with permissions such as the operator's document has them."""

import re
from collections.abc import Mapping, Sequence

import aio_pika

from service.dev.documents import ROOT
from service.dev.rabbit_server import RabbitServer
from service.dialects.dialect import Dialects

Expressions = tuple[str, str, str]
"""Permissions of a user: the three expressions, as `rabbitmqctl` takes them."""


def documented_permissions() -> list[Expressions]:
    """Return those of each command that operators are told to run, in their order."""
    text = (ROOT / "deploy" / "OPERATING.md").read_text("utf-8")
    command = r"set_permissions [^']*'([^']+)' \\?\s*'([^']+)' \\?\s*'([^']+)'"
    return [(one[1], one[2], one[3]) for one in re.finditer(command, text)]


async def add_users(broker: RabbitServer, vhost: str, users: Mapping[str, Sequence[str]]) -> None:
    """Add users with their permissions in one go; those without are known, and no more."""
    steps = []
    for user, permissions in users.items():
        steps.append(f'rabbit_auth_backend_internal:add_user(<<"{user}">>, <<"secret">>, <<"t">>)')
        listed = ", ".join('<<"{}">>'.format(p.replace("\\", "\\\\")) for p in permissions)
        if listed:
            steps.append(
                f'rabbit_auth_backend_internal:set_permissions(<<"{user}">>, <<"{vhost}">>, '
                f'{listed}, <<"t">>)'
            )
    await broker.control("eval", f"{', '.join(steps)}.")


def as_user(amqp_url: str, name: str) -> str:
    return amqp_url.replace("guest:guest", f"{name}:secret")


async def declare_exchanges(amqp_url: str, dialects: Dialects) -> None:
    """Declare the exchanges as the switches do."""
    bindings = (*dialects.bindings, *(one.binding for one in dialects.asked.values()))
    async with await aio_pika.connect(amqp_url) as connection:
        channel = await connection.channel()
        for one in bindings:
            kind = aio_pika.ExchangeType(one.exchange_type)
            await channel.declare_exchange(one.exchange, kind, durable=one.durable)
