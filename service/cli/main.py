"""The command `switchhook` and its subcommands for operators."""

import asyncio
import json
import os
import signal
import socket
import sys
from functools import partial
from pathlib import Path
from typing import Any, get_args

import click
import structlog

from service import __version__, app
from service.cli.ask import ask_command
from service.cli.bench import bench
from service.cli.deadletters import deadletters
from service.cli.emit import emit
from service.cli.imports import import_accounts
from service.cli.listen import listen
from service.cli.migration import accounts, webhooks
from service.cli.portal import portal
from service.cli.rejected import rejected
from service.cli.secrets import secrets
from service.cli.tail import tail
from service.cli.terminal import FAILED, config_option, run_to_end, settings_or_exit
from service.cli.tokens import token
from service.cli.verify import verify_command
from service.dev.demo import demo
from service.dev.hook_reference import hook_reference, hook_table
from service.dialects.dialect import Dialects
from service.dialects.hook import Hook
from service.dialects.known import dialects_of
from service.observability.logs import configure_logs, quiet_logs
from service.observability.metrics import keep_in_files
from service.pipeline.dry_run.sample import sample_payload
from service.settings.describe import default_file, settings_table
from service.settings.load import load_settings
from service.settings.model import Settings, Source
from service.workers.forking import fork_on_request
from service.workers.identity import WorkerIdentity
from service.workers.stop_signals import stop_with_supervisor
from service.workers.supervisor import supervise

SOURCES = click.Choice(get_args(Source))


@click.group()
@click.version_option(__version__, prog_name="switchhook")
def main() -> None:
    """Turn the event bus of a telephone switch cluster into reliable, signed webhooks."""
    quiet_logs()


@main.command()
@config_option
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 512))
@click.option("--shadow", is_flag=True, help="Do everything but send requests: for comparison.")
def run(config: str | None, workers: int, *, shadow: bool) -> None:
    """Run the service until SIGTERM or SIGINT; a second one exits at once.

    Several workers are processes that share the queues; SIGHUP replaces them one by one.
    """
    settings = settings_or_exit(config)
    configure_logs(settings.log)
    if workers == 1:
        run_to_end(lambda: _until_signalled(settings, shadow=shadow))
    else:
        load = partial(load_settings, config, os.environ)
        clean = run_to_end(lambda: supervise(workers, config, settings, load, shadow=shadow))
        sys.exit(0 if clean else FAILED)


async def _until_signalled(settings: Settings, *, shadow: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def on_signal() -> None:
        if stop.is_set():
            os._exit(FAILED)
        stop.set()

    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, on_signal)
    await app.run(settings, stop, shadow=shadow)


@main.command(hidden=True)
@config_option
@click.option("--number", required=True, type=int)
@click.option("--count", required=True, type=int)
@click.option("--directory", required=True, type=click.Path(path_type=Path))
@click.option("--requests", required=True, type=int)
@click.option("--listener", "listeners", multiple=True, type=int)
@click.option("--shadow", is_flag=True)
def worker(config: str | None, requests: int, **identity: Any) -> None:
    """Run as the template of `run --workers N`, and as its workers; only that command starts it."""
    number = fork_on_request(socket.socket(fileno=requests))
    if number is None:
        return
    identity["number"] = number
    settings = settings_or_exit(config)
    configure_logs(settings.log)
    run_to_end(lambda: _while_supervised(settings, WorkerIdentity(**identity)))


async def _while_supervised(settings: Settings, identity: WorkerIdentity) -> None:
    structlog.contextvars.bind_contextvars(worker=identity.number)
    keep_in_files(identity.number)
    stop = asyncio.Event()
    stop_with_supervisor(stop)
    await app.run(settings, stop, identity, shadow=identity.shadow)


@main.command()
@config_option
def check(config: str | None) -> None:
    """Check configuration, broker and store; exit 0 if all is well, 1 or 2 if not."""
    settings = settings_or_exit(config)
    click.echo("ok       settings  valid")
    bad = False
    for finding in run_to_end(lambda: app.examine(settings)):
        click.echo(str(finding))
        bad = bad or finding.fatal
    sys.exit(FAILED if bad else 0)


@main.command()
@click.option("--yaml", "as_yaml", is_flag=True, help="Print a YAML file of all defaults.")
def settings(*, as_yaml: bool) -> None:
    """List every setting with its default and meaning."""
    click.echo(default_file() if as_yaml else settings_table(), nl=False)


@main.command()
@config_option
@click.option("--json", "form", flag_value="json", help="Print JSON, with schemas and modifiers.")
@click.option("--markdown", "form", flag_value="markdown", help="Print the reference, in Markdown.")
@click.option("--table", "form", flag_value="table", help="Print a table of hooks, in Markdown.")
def hooks(config: str | None, form: str | None) -> None:
    """List the hooks that can be subscribed to."""
    dialects = dialects_of(settings_or_exit(config))
    if form == "json":
        described = [_described(hook, dialects) for hook in dialects.hooks.values()]
        click.echo(json.dumps(described, indent=2))
    elif form is not None:
        write = hook_table if form == "table" else hook_reference
        click.echo("\n".join(write(dialect) for dialect in dialects.enabled), nl=False)
    else:
        for hook in dialects.hooks.values():
            click.echo(f"{hook.hook_id:18} {hook.description}")


def _described(hook: Hook, dialects: Dialects) -> dict[str, Any]:
    return {
        "id": hook.hook_id,
        "name": hook.name,
        "description": hook.description,
        "modifiers": hook.modifiers,
        "schema": hook.schema,
        "sample": sample_payload(dialects.of(hook.source), hook),
    }


@main.command()
@click.option("--source", type=SOURCES, default="kazoo", envvar="SOURCE", show_default=True)
@click.option("--once", is_flag=True, help="Stop after the simulated call has been delivered.")
def dev(source: str, *, once: bool) -> None:
    """Run everything on this machine: servers, service, receiver and a simulated call.

    The call is one of the switch --source, or of the variable SOURCE.
    """
    run_to_end(lambda: demo(source, once=once))


for command in (
    accounts,
    webhooks,
    token,
    portal,
    deadletters,
    rejected,
    secrets,
    import_accounts,
    ask_command,
    emit,
    listen,
    tail,
    verify_command,
    bench,
):
    main.add_command(command)
