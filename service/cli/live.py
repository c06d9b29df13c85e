"""Options and output that `listen` and `tail` share."""

import asyncio
import signal
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

import click

from service.domain.endpoint import endpoint_of
from service.settings.load import TOKEN_VARIABLE
from service.tools.api_client import ApiClient

F = TypeVar("F", bound=Callable[..., Any])


def web_address(_: click.Context, __: click.Parameter, value: str) -> str:
    """Return an option's URL. Raises click.BadParameter where nothing can be asked there."""
    try:
        endpoint_of(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    return value


def api_options(command: F) -> F:
    """Add the options that say which API to ask, and as whom."""
    for option in (
        click.option("--account", metavar="ID", help="Account; by default that of the token."),
        click.option(
            "--token",
            envvar=TOKEN_VARIABLE,
            required=True,
            help=f"Token of the API; better in {TOKEN_VARIABLE}, where no other user sees it.",
        ),
        click.option(
            "--api", required=True, metavar="URL", callback=web_address, help="Address of the API."
        ),
    ):
        command = option(command)
    return command


def client_of(api: str, token: str) -> ApiClient:
    """Return a client that tells on standard error when a stream is lost."""

    def on_pause(reason: str, wait_s: float) -> None:
        note(f"{reason}; trying again in {wait_s:.1f} s")

    return ApiClient(api, token, on_pause)


def note(text: str) -> None:
    """Print a remark on standard error, where it does not mix with the output."""
    click.secho(plain(text), fg="yellow", err=True)


def plain(text: str) -> str:
    """Return the text without characters that would steer a terminal."""
    return "".join(one if one.isprintable() else "�" for one in text)


async def until_interrupted(work: Coroutine[Any, Any, None]) -> None:
    """Run until the work ends, or until SIGINT or SIGTERM, which is a good end as well."""
    task = asyncio.create_task(work, name="live")
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(signum, task.cancel)
    with suppress(asyncio.CancelledError):
        await task
