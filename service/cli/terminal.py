"""Shared by all commands: load settings or exit 2, run to the end or exit 1."""

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import click
import uvloop

from service.domain.errors import SettingsError, SwitchhookError, Unavailable
from service.domain.finding import trouble
from service.settings.load import load_settings
from service.settings.model import Settings

FAILED = 1
UNUSABLE_SETTINGS = 2

T = TypeVar("T")

config_option = click.option(
    "--config", metavar="FILE", help="YAML file; also SWITCHHOOK_CONFIG.", default=None
)


def settings_or_exit(config: str | None) -> Settings:
    """Return the settings; if they are unusable, print every problem and exit 2."""
    try:
        return load_settings(config, os.environ)
    except SettingsError as error:
        for problem in error.problems:
            click.echo(f"problem  settings  {problem}", err=True)
        sys.exit(UNUSABLE_SETTINGS)


def run_to_end(coroutine: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run to the end; print each of our own errors in one line and exit 1."""
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(coroutine())
    except* SwitchhookError as group:
        for error in _leaves(group):
            click.echo(_line(error), err=True)
    except* KeyboardInterrupt:
        click.echo("stopped", err=True)
    sys.exit(FAILED)


def _line(error: BaseException) -> str:
    """Return the error as `switchhook check` would print it."""
    if isinstance(error, Unavailable):
        return str(trouble(error.about, str(error), error.remedy))
    return f"problem  {error}"


def _leaves(group: BaseExceptionGroup[Any]) -> list[BaseException]:
    return [
        leaf
        for error in group.exceptions
        for leaf in (_leaves(error) if isinstance(error, BaseExceptionGroup) else [error])
    ]
