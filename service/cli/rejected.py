"""The commands that take, list, show, retry and discard rejected messages."""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any, TypeVar

import click

from service.adapters.mongo.audit import MongoAuditLog
from service.adapters.mongo.rejected import MongoRejected
from service.adapters.mongo.store import open_store
from service.adapters.rabbitmq.rejected import RejectedQueue
from service.adapters.rabbitmq.topology.queues import Names
from service.cli.terminal import config_option, run_to_end, settings_or_exit
from service.management.audit import OPERATOR, Audit
from service.management.ports import Document
from service.management.rejected import RejectedMessages, rejected_key
from service.management.selection import Selection
from service.text.plural import counted
from service.wiring.commands import publishing

PAGE = 500

T = TypeVar("T")

reason_option = click.option("--reason", help="Messages rejected for this reason only.")
all_option = click.option("--all", "every", is_flag=True, help="All messages in the store.")


@click.group()
def rejected() -> None:
    """Rejected messages: messages of the bus that could not be read.

    They stay in the queue switchhook.rejected until `take` moves them into the store; the other
    commands work on the store.
    """


@rejected.command()
@config_option
def take(config: str | None) -> None:
    """Move up to a thousand messages from the queue into the store."""
    taken = _with_messages(config, lambda messages: messages.take(OPERATOR))
    click.echo(f"{taken} taken")


@rejected.command("list")
@config_option
@reason_option
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 100_000))
@click.option("--json", "as_json", is_flag=True, help="One object per line, all members.")
def list_messages(config: str | None, reason: str | None, limit: int, *, as_json: bool) -> None:
    """List the messages in the store, the newest first."""
    selection = _selection(reason)
    found = _with_messages(config, lambda messages: messages.page(selection, None, limit))
    for message in found:
        click.echo(json.dumps(message) if as_json else _line(message))
    click.echo(f"{len(found)} shown", err=True)


@rejected.command()
@config_option
@click.argument("message_id")
def show(config: str | None, message_id: str) -> None:
    """Show a message: reason, origin, body."""
    message = _with_messages(config, lambda messages: messages.one(message_id))
    click.echo(json.dumps(message, indent=2))


@rejected.command()
@config_option
@click.argument("ids", nargs=-1)
@reason_option
@all_option
def retry(
    config: str | None,
    ids: tuple[str, ...],
    reason: str | None,
    every: bool,  # noqa: FBT001 (click passes options by name)
) -> None:
    """Have a running service read messages again: those with the IDS, or all that are chosen.

    A question of a call cannot go back, as its caller no longer waits.
    """
    _refuse_no_choice(ids, reason, every=every)

    async def work(messages: RejectedMessages) -> int:
        chosen = ids or await _ids(messages, reason, only_returning=True)
        return await messages.bring_back(OPERATOR, chosen)

    click.echo(f"{_with_messages(config, work, publishes=True)} published again")


@rejected.command()
@config_option
@click.argument("ids", nargs=-1)
@reason_option
@all_option
@click.option("--yes", is_flag=True, help="Delete without a prompt.")
def discard(
    config: str | None,
    ids: tuple[str, ...],
    reason: str | None,
    every: bool,  # noqa: FBT001
    *,
    yes: bool,
) -> None:
    """Delete messages from the store for good: those with the IDS, or all that are chosen."""
    _refuse_no_choice(ids, reason, every=every)
    chosen: Sequence[str] = ids
    if not ids:
        chosen = _with_messages(config, lambda messages: _ids(messages, reason))
    if not yes:
        click.confirm(f"Delete {counted(len(chosen), 'message')} for good?", abort=True)
    deleted = _with_messages(config, lambda messages: messages.discard(OPERATOR, chosen))
    click.echo(f"{deleted} deleted")


def _with_messages(
    config: str | None,
    work: Callable[[RejectedMessages], Awaitable[T]],
    *,
    publishes: bool = False,
) -> T:
    settings = settings_or_exit(config)
    mongo, amqp = settings.mongo, settings.amqp
    names = Names(amqp.prefix)

    async def run() -> T:
        async with AsyncExitStack() as stack:
            store = stack.enter_context(
                open_store(mongo.url.get_secret_value(), mongo.database, mongo.timeout_s)
            )
            path = await stack.enter_async_context(publishing(settings)) if publishes else NoPath()
            return await work(
                RejectedMessages(
                    MongoRejected(store),
                    RejectedQueue(amqp.urls, names),
                    path,
                    Audit(MongoAuditLog(store)),
                    (names.events, names.deliveries, names.dead),
                )
            )

    return run_to_end(run)


class NoPath:
    """Stand-in for the broker, for commands that publish nothing."""

    async def bring_back(self, message: Document) -> None:
        """Never called."""
        raise NotImplementedError(message["_id"])


async def _ids(
    messages: RejectedMessages, reason: str | None, *, only_returning: bool = False
) -> Sequence[str]:
    """Return the ids of all messages in the store with a reason, or of all."""
    found: list[Document] = []
    start = None
    while page := await messages.page(_selection(reason), start, PAGE):
        found += page
        start = rejected_key(page[-1])
    return [one["id"] for one in found if one["can_return"] or not only_returning]


def _refuse_no_choice(ids: Sequence[str], reason: str | None, *, every: bool) -> None:
    if sum((bool(ids), reason is not None, every)) != 1:
        raise click.UsageError("give ids, --reason or --all: one of them")


def _selection(reason: str | None) -> Selection:
    return Selection(equals={} if reason is None else {"reason": reason})


def _line(message: Mapping[str, Any]) -> str:
    size = counted(message["size"], "byte")
    origin = f"{message['exchange'] or '-'}/{message['routing_key'] or '-'}"
    parts = [message["taken_at"][:19], message["id"], message["reason"], origin, size]
    return "  ".join([*parts, message["detail"]])
