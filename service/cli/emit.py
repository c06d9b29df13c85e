"""`switchhook emit`: publish sample switch events, or a whole day of calls."""

import asyncio
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import click

from service.adapters.rabbitmq.bus import Bus
from service.cli.terminal import config_option, run_to_end, settings_or_exit
from service.dialects.bus_message import Occasion
from service.dialects.dialect import Dialects
from service.dialects.hook import Hook
from service.dialects.known import dialects_of
from service.dialects.sample_day import DayPlan, SampleDay, truth_members
from service.settings.model import Source
from service.text.json_text import write_json
from service.wiring.parts import permissions_of

SOURCES = click.Choice(get_args(Source))
ALREADY_OVER_S = 57_600
"""A day begins so long ago: it has ended when it is played."""


@click.command()
@config_option
@click.option("--account", required=True, help="Account of the events.")
@click.option("--call", "call_id", default=None, help="Call id; by default a new one.")
@click.option("--hook", "only", multiple=True, help="A hook that `switchhook hooks` lists.")
@click.option("--all", "every", is_flag=True, help="Publish one event for every hook.")
@click.option("--source", type=SOURCES, help="Only hooks of this one of `amqp.sources`.")
@click.option("--times", default=1, show_default=True, type=click.IntRange(1, 1_000_000))
@click.option("--day", is_flag=True, help="Publish the calls of a day instead.")
@click.option("--calls", default=2000, show_default=True, type=click.IntRange(1, 1_000_000))
@click.option("--seed", default=1, show_default=True, help="The same seed makes the same day.")
@click.option(
    "--speed",
    default=60.0,
    show_default=True,
    type=click.FloatRange(min=0, min_open=True),
    help="Seconds of the day that are played in one second.",
)
@click.option(
    "--truth",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write what is true of each call of the day, as JSON lines.",
)
def emit(
    config: str | None,
    account: str,
    call_id: str | None,
    only: tuple[str, ...],
    every: bool,  # noqa: FBT001 (click passes options by name)
    source: str | None,
    times: int,
    day: bool,  # noqa: FBT001
    calls: int,
    seed: int,
    speed: float,
    truth: Path | None,
) -> None:
    """Publish sample switch events to the switch's exchanges."""
    if not (only or every or day):
        raise click.UsageError("give --hook NAME, --all, or --day")
    if day and (only or every):
        raise click.UsageError("--day goes without --hook and --all")
    settings = settings_or_exit(config)
    dialects = dialects_of(settings)
    if source not in (None, *settings.amqp.sources):
        raise click.UsageError(f"{source} is not one of amqp.sources: {settings.amqp.sources}")
    bus = Bus(settings.amqp.urls[0], permissions_of(settings, dialects))
    if day:
        plan = DayPlan(account, calls, seed, time.time() - ALREADY_OVER_S)
        made = _day(dialects, source, plan)
        if truth is not None:
            lines = (write_json(truth_members(one)) for one in made.calls)
            truth.write_bytes(b"".join(line + b"\n" for line in lines))
        run_to_end(lambda: _play(bus, made, speed))
        click.echo(f"published {len(made.messages)} events of {len(made.calls)} calls")
        return
    chosen = _chosen(dialects, only, source, every=every)
    call_id = call_id or uuid.uuid4().hex
    count = run_to_end(lambda: _publish(bus, chosen, account, call_id, times))
    click.echo(f"published {count} events of call {call_id}")


def _chosen(
    dialects: Dialects, only: Sequence[str], source: str | None, *, every: bool
) -> Sequence[Hook]:
    """Return the hooks of the options. Raises click.UsageError for one that is not known."""
    # Without a binding no message fires a hook: the service itself makes its events.
    known = {
        name: hook
        for name, hook in dialects.hooks.items()
        if hook.binds and source in (None, hook.source)
    }
    unknown = [name for name in only if name not in known]
    if unknown:
        raise click.UsageError(f"no hook {unknown[0]!r}; the hooks are {', '.join(known)}")
    return [hook for name, hook in known.items() if every or name in only]


async def _publish(
    bus: Bus, hooks: Sequence[Hook], account_id: str, call_id: str, times: int
) -> int:
    messages = [
        hook.sample(Occasion.now(account_id, call_id)) for _ in range(times) for hook in hooks
    ]
    async with bus:
        for message in messages:
            await bus.publish(message)
    return len(messages)


def _day(dialects: Dialects, source: str | None, plan: DayPlan) -> SampleDay:
    """Return the day of the first switch that has one. Raises click.UsageError without one."""
    for dialect in dialects.enabled:
        if dialect.make_day is not None and source in (None, dialect.name):
            return dialect.make_day(plan)
    raise click.UsageError("only kazoo has a day of calls")


async def _play(bus: Bus, day: SampleDay, speed: float) -> None:
    """Publish each message at its time, counted from the first and divided by the speed."""
    began, first_at = time.monotonic(), day.messages[0][0]
    async with bus:
        for at, message in day.messages:
            await asyncio.sleep(max(0.0, began + (at - first_at) / speed - time.monotonic()))
            await bus.publish(message)
