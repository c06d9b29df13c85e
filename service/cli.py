"""The command `switchhook`: everything an operator starts by hand."""

import asyncio
import json
import os
import signal
import sys
import uuid
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

import click
import uvloop

from service import __version__, app
from service.adapters.rabbitmq_bus import Bus
from service.dev.demo import demo
from service.domain.errors import SettingsError, SwitchhookError
from service.observability.logs import configure_logs
from service.settings.describe import default_file, settings_table
from service.settings.load import load_settings
from service.settings.model import Settings
from service.sources.catalogue import HOOKS, Hook

FAILED = 1
UNUSABLE_SETTINGS = 2

T = TypeVar("T")

config_option = click.option(
    "--config", metavar="FILE", help="YAML file; also SWITCHHOOK_CONFIG.", default=None
)


@click.group()
@click.version_option(__version__, prog_name="switchhook")
def main() -> None:
    """Turn the event bus of a telephone switch cluster into reliable, signed webhooks."""


@main.command()
@config_option
def run(config: str | None) -> None:
    """Run the service until SIGTERM or SIGINT; a second one exits at once."""
    settings = _settings(config)
    configure_logs(settings.log)
    _run(lambda: _until_signalled(settings))


async def _until_signalled(settings: Settings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def on_signal() -> None:
        if stop.is_set():
            os._exit(FAILED)
        stop.set()

    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, on_signal)
    await app.run(settings, stop)


@main.command()
@config_option
def check(config: str | None) -> None:
    """Examine configuration, broker and store; exit 0 if all is well, 1 or 2 if not."""
    settings = _settings(config)
    click.echo("ok       settings  valid")
    bad = False
    for finding in _run(lambda: app.examine(settings)):
        click.echo(str(finding))
        bad = bad or finding.fatal
    sys.exit(FAILED if bad else 0)


@main.command()
@click.option("--yaml", "as_yaml", is_flag=True, help="As a file that sets every default.")
def settings(*, as_yaml: bool) -> None:
    """List every setting, its default and its meaning."""
    click.echo(default_file() if as_yaml else settings_table(), nl=False)


@main.command()
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def hooks(*, as_json: bool) -> None:
    """List the hooks that can be subscribed to."""
    if as_json:
        rows = [
            {"id": hook.hook_id, "name": hook.name, "description": hook.description}
            for hook in HOOKS
        ]
        click.echo(json.dumps(rows, indent=2))
        return
    for hook in HOOKS:
        click.echo(f"{hook.hook_id:18} {hook.description}")


@main.command()
@config_option
@click.option("--account", required=True, help="The account the events belong to.")
@click.option("--call", "call_id", default=None, help="Call id; a new one if not given.")
@click.option("--hook", "only", multiple=True, type=click.Choice([h.hook_id for h in HOOKS]))
@click.option("--all", "every", is_flag=True, help="One event for every hook.")
@click.option("--times", default=1, show_default=True, type=click.IntRange(1, 1_000_000))
def emit(
    config: str | None,
    account: str,
    call_id: str | None,
    only: tuple[str, ...],
    every: bool,  # noqa: FBT001 (click passes options by name)
    times: int,
) -> None:
    """Publish sample switch events, to the exchanges the switch would use."""
    if not only and not every:
        raise click.UsageError("say --hook NAME, or --all")
    settings = _settings(config)
    chosen = [hook for hook in HOOKS if every or hook.hook_id in only]
    call_id = call_id or uuid.uuid4().hex
    count = _run(lambda: _publish(settings.amqp.urls[0], chosen, account, call_id, times))
    click.echo(f"published {count} events of call {call_id}")


async def _publish(
    url: str, hooks: Sequence[Hook], account_id: str, call_id: str, times: int
) -> int:
    messages = [hook.sample(account_id, call_id) for _ in range(times) for hook in hooks]
    async with Bus(url) as bus:
        for message in messages:
            await bus.publish(message)
    return len(messages)


@main.command()
@click.option("--once", is_flag=True, help="Stop after the simulated call has been delivered.")
def dev(*, once: bool) -> None:
    """Run everything on this machine: servers, service, receiver and a simulated call."""
    _run(lambda: demo(once=once))


def _settings(config: str | None) -> Settings:
    try:
        return load_settings(config, os.environ)
    except SettingsError as error:
        for problem in error.problems:
            click.echo(f"problem  settings  {problem}", err=True)
        sys.exit(UNUSABLE_SETTINGS)


def _run(coroutine: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run to the end; our own errors become one line and exit 1."""
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(coroutine())
    except* SwitchhookError as group:
        for error in _leaves(group):
            click.echo(f"problem  {error}", err=True)
    except* KeyboardInterrupt:
        click.echo("stopped", err=True)
    sys.exit(FAILED)


def _leaves(group: BaseExceptionGroup[Any]) -> list[BaseException]:
    return [
        leaf
        for error in group.exceptions
        for leaf in (_leaves(error) if isinstance(error, BaseExceptionGroup) else [error])
    ]
