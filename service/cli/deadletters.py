"""The commands that list, show, replay and discard dead letters."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import reduce
from typing import Any, TypeVar

import click

from service.adapters.mongo.audit import MongoAuditLog
from service.adapters.mongo.history import MongoDeadLetterArchive
from service.adapters.mongo.replays import MongoReplays
from service.adapters.mongo.store import open_store
from service.cli.options import Span
from service.cli.terminal import FAILED, config_option, run_to_end, settings_or_exit
from service.domain.delivery import DeadLetterReason, Delivery
from service.domain.errors import NotFound
from service.domain.freshness import MOST_MAX_AGE_S
from service.management.audit import OPERATOR, Audit
from service.management.dead_letters import DeadLetters
from service.management.replay import Replay, ReplayState
from service.management.selection import Selection
from service.text.plural import counted

LOOK_EVERY_S = 0.3
PICKED_UP_WITHIN_S = 30.0

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

FILTERS = (
    click.option("--account", "account_id", help="Of this account only."),
    click.option("--webhook", "webhook_id", help="For this webhook only."),
    click.option("--endpoint", help="For this endpoint only: scheme, host and port."),
    click.option("--hook", help="Events of this hook only."),
    click.option("--reason", type=click.Choice([str(reason) for reason in DeadLetterReason])),
    click.option("--call", "call_id", help="Of this call only."),
    click.option("--older-than", type=Span(), help="Given up more than 7d, 12h or 30m ago."),
    click.option("--younger-than", type=Span(), help="Given up less than 7d, 12h or 30m ago."),
    click.option("--id", "ids", multiple=True, help="The one with this id; may be repeated."),
)


def filters(command: F) -> F:
    """Add the options that select dead letters."""
    return reduce(lambda made, option: option(made), reversed(FILTERS), command)


@click.group()
def deadletters() -> None:
    """Dead letters of all accounts: deliveries given up after receivers failed, or by a bug.

    Unreadable messages are not among them: see `switchhook rejected`.
    """


@deadletters.command("list")
@config_option
@filters
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 100_000))
@click.option("--json", "as_json", is_flag=True, help="One object per line, all members.")
def list_letters(config: str | None, limit: int, *, as_json: bool, **chosen: Any) -> None:
    """List dead letters, the newest first."""
    selection = _selection(chosen)

    async def work(letters: DeadLetters) -> tuple[int, list[Mapping[str, Any]]]:
        return await letters.count(selection), await letters.page(selection, None, limit)

    count, found = _with_letters(config, work)
    for letter in found:
        click.echo(json.dumps(letter) if as_json else _line(letter))
    click.echo(f"{len(found)} of {count} shown", err=True)


@deadletters.command()
@config_option
@click.argument("letter_id")
def show(config: str | None, letter_id: str) -> None:
    """Show a dead letter: payload, every attempt, reason."""
    letter = _with_letters(config, lambda letters: letters.one(None, letter_id, own_only=False))
    click.echo(json.dumps(letter, indent=2))


@deadletters.command()
@config_option
@filters
@click.option("--limit", default=100_000, show_default=True, type=click.IntRange(1, 10_000_000))
@click.option("--rate", default=50.0, show_default=True, type=click.FloatRange(0.1, 1000.0))
@click.option(
    "--max-age",
    "max_age_s",
    type=click.FloatRange(0.0, MOST_MAX_AGE_S),
    help="Seconds within which retries go on, in place of the webhook's limit; 0 for no limit.",
)
@click.option("--dry-run", is_flag=True, help="Count the dead letters only.")
@click.option("--no-wait", is_flag=True, help="Do not wait for the end of the replay.")
def replay(
    config: str | None,
    limit: int,
    rate: float,
    max_age_s: float | None,
    *,
    dry_run: bool,
    no_wait: bool,
    **chosen: Any,
) -> None:
    """Have a running service deliver dead letters again, the oldest first, with the same ids.

    Ctrl-C cancels the rest.
    """
    selection = _selection(chosen)
    if dry_run:
        count = _with_letters(config, lambda letters: letters.count(selection))
        click.echo(f"{min(count, limit)} would be replayed")
        return

    async def work(letters: DeadLetters) -> Replay:
        order = await letters.replay(
            OPERATOR, selection.account_id, selection, limit, rate, max_age_s
        )
        return order if no_wait else await _watched(letters, order)

    ended = _with_letters(config, work)
    click.echo(f"{ended.replayed} of {ended.matched} replayed: {ended.state} ({ended.replay_id})")
    if ended.state is ReplayState.CANCELLED:
        sys.exit(FAILED)


@deadletters.command()
@config_option
@filters
@click.option("--dry-run", is_flag=True, help="Count the dead letters only.")
@click.option("--yes", is_flag=True, help="Delete without a prompt.")
def discard(config: str | None, *, dry_run: bool, yes: bool, **chosen: Any) -> None:
    """Delete dead letters for good."""
    selection = _selection(chosen)
    count = _with_letters(config, lambda letters: letters.count(selection))
    if dry_run:
        click.echo(f"{count} would be deleted")
        return
    if not yes:
        click.confirm(f"Delete {counted(count, 'dead letter')} for good?", abort=True)
    deleted = _with_letters(config, lambda letters: letters.discard(OPERATOR, selection))
    click.echo(f"{deleted} deleted")


class NoQueue:
    """Stand-in for the broker: a command leaves publishing to the service."""

    async def revive(self, delivery: Delivery) -> None:
        """Never called."""
        raise NotImplementedError(delivery.delivery_id)


def _with_letters(config: str | None, work: Callable[[DeadLetters], Awaitable[T]]) -> T:
    mongo = settings_or_exit(config).mongo

    async def run() -> T:
        with open_store(mongo.url.get_secret_value(), mongo.database, mongo.timeout_s) as store:
            archive = MongoDeadLetterArchive(store)
            audit = Audit(MongoAuditLog(store))
            return await work(DeadLetters(archive, MongoReplays(store), NoQueue(), audit))

    return run_to_end(run)


async def _watched(letters: DeadLetters, order: Replay) -> Replay:
    """Show the progress until the replay ends; cancel the replay if cancelled."""
    now = order
    try:
        with click.progressbar(length=order.matched, label="replaying", file=sys.stderr) as bar:
            while now.state is ReplayState.RUNNING:
                await asyncio.sleep(LOOK_EVERY_S)
                before, now = now, await letters.progress(order.account_id, order.replay_id)
                bar.update(now.replayed - before.replayed)
                _complain_if_nobody_comes(now)
    except asyncio.CancelledError:
        return await letters.cancel(OPERATOR, order.account_id, order.replay_id)
    return now


def _complain_if_nobody_comes(replay: Replay) -> None:
    waited = datetime.now(UTC) - replay.created_at
    if replay.replayed == 0 and waited > timedelta(seconds=PICKED_UP_WITHIN_S):
        raise NotFound(f"service that runs replays; {replay.replay_id} waits for one to start")


def _selection(chosen: Mapping[str, Any]) -> Selection:
    now = datetime.now(UTC)
    names = ("webhook_id", "endpoint", "hook", "reason", "call_id")
    older, younger = chosen["older_than"], chosen["younger_than"]
    return Selection(
        chosen["account_id"],
        {name: chosen[name] for name in names if chosen[name] is not None},
        since=None if younger is None else now - younger,
        until=None if older is None else now - older,
        ids=tuple(chosen["ids"]) or None,
    )


def _line(letter: Mapping[str, Any]) -> str:
    died_at = letter["died_at"][:19]
    attempts = f"{counted(len(letter['attempts']), 'attempt')}"
    names = ("id", "account_id", "hook", "reason")
    parts = [died_at, *(letter[name] for name in names), attempts, letter["endpoint"] or "-"]
    return "  ".join(parts)
