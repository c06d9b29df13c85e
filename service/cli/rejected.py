"""The commands for messages that could not be read: take, list, show, retry, discard."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import click
from prometheus_client import CollectorRegistry

from service.adapters.mongo.audit import MongoAuditLog
from service.adapters.mongo.rejected import MongoRejected
from service.adapters.mongo.store import open_store
from service.adapters.rabbitmq.link import Link
from service.adapters.rabbitmq.publishing.publisher import Publisher
from service.adapters.rabbitmq.rejected import RejectedQueue
from service.adapters.rabbitmq.topology.queues import Names
from service.cli.terminal import config_option, run_to_end, settings_or_exit
from service.domain.errors import RejectReason
from service.management.audit import OPERATOR, Audit
from service.management.ports import Document
from service.management.rejected import MOST_TAKEN, RejectedMessages
from service.management.selection import Selection
from service.observability.metrics import Metrics
from service.settings.model import Settings
from service.text.plural import counted

T = TypeVar("T")
Work = Callable[[RejectedMessages], Awaitable[T]]


@click.group()
def rejected() -> None:
    """Messages that could not be read, of all accounts: why, what they say, and the way back.

    They wait in the queue switchhook.rejected. `take` moves them into the store, where the other
    commands find them; so do the console's page Rejected and /v2/rejected.
    """


@rejected.command()
@config_option
def take(config: str | None) -> None:
    """Move messages from the queue into the store, 1000 at most."""
    count = _with_messages(config, lambda messages: messages.take(OPERATOR))
    more = ", perhaps more are left" if count == MOST_TAKEN else ""
    click.echo(f"{counted(count, 'message')} taken{more}")


@rejected.command("list")
@config_option
@click.option("--reason", type=click.Choice([str(reason) for reason in RejectReason]))
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 100_000))
@click.option("--json", "as_json", is_flag=True, help="One object per line, all members.")
def list_messages(config: str | None, reason: str | None, limit: int, *, as_json: bool) -> None:
    """List the messages in the store, the newest first."""
    selection = Selection(None, {} if reason is None else {"reason": reason})
    found = _with_messages(config, lambda messages: messages.page(selection, None, limit))
    for message in found:
        click.echo(json.dumps(message) if as_json else _line(message))
    click.echo(f"{counted(len(found), 'message')} shown", err=True)


@rejected.command()
@config_option
@click.argument("message_id")
def show(config: str | None, message_id: str) -> None:
    """Show a message with its body and the reason."""
    message = _with_messages(config, lambda messages: messages.one(message_id))
    click.echo(json.dumps(message, indent=2))


@rejected.command()
@config_option
@click.argument("ids", nargs=-1, required=True)
def retry(config: str | None, ids: tuple[str, ...]) -> None:
    """Have messages read once more, after an upgrade that can read them."""
    count = _with_messages(
        config, lambda messages: messages.bring_back(OPERATOR, ids), publishing=True
    )
    click.echo(f"{count} of {counted(len(ids), 'message')} brought back")


@rejected.command()
@config_option
@click.argument("ids", nargs=-1, required=True)
@click.option("--yes", is_flag=True, help="Delete without a prompt.")
def discard(config: str | None, ids: tuple[str, ...], *, yes: bool) -> None:
    """Delete messages for good."""
    if not yes:
        click.confirm(f"Delete {counted(len(ids), 'message')} for good?", abort=True)
    count = _with_messages(config, lambda messages: messages.discard(OPERATOR, ids))
    click.echo(f"{count} deleted")


def _with_messages(config: str | None, work: Work[T], *, publishing: bool = False) -> T:
    settings = settings_or_exit(config)

    async def run() -> T:
        mongo, amqp = settings.mongo, settings.amqp
        names = Names(amqp.prefix)
        with open_store(mongo.url.get_secret_value(), mongo.database, mongo.timeout_s) as store:
            async with _publisher(settings, names, connected=publishing) as publisher:
                return await work(
                    RejectedMessages(
                        MongoRejected(store),
                        RejectedQueue(amqp.urls, names),
                        publisher,
                        Audit(MongoAuditLog(store)),
                        (names.events, names.deliveries, names.dead),
                    )
                )

    return run_to_end(run)


@asynccontextmanager
async def _publisher(
    settings: Settings, names: Names, *, connected: bool
) -> AsyncIterator[Publisher]:
    """Yield a publisher; without a connection, nothing may be brought back."""
    metrics = Metrics(CollectorRegistry(), [])
    publisher = Publisher(names, settings.amqp.publish_timeout_s, metrics)
    if not connected:
        yield publisher
        return
    link = Link("rejected", settings.amqp.urls, publisher.session, metrics)
    connecting = asyncio.create_task(link.run())
    try:
        yield publisher
    finally:
        connecting.cancel()
        await asyncio.wait([connecting])


def _line(message: Document) -> str:
    origin = f"{message['exchange']} {message['routing_key']}".strip()
    parts = (message["taken_at"][:19], message["id"], message["reason"], origin, message["detail"])
    return "  ".join(parts)
