"""The command that brings an account's events to a server on the integrator's own machine."""

import asyncio
import sys
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import click

from service.cli.keys import typed
from service.cli.live import api_options, client_of, note, plain, until_interrupted, web_address
from service.cli.terminal import run_to_end
from service.dialects.known import dialects_of
from service.documents.webhook import BadDocument, secret_key
from service.settings.model import Settings
from service.tools.api_client import ApiClient
from service.tools.forward import Forwarded, Forwarder, Signer, StreamedRequest

AT_ONCE = 10
"""Requests forwarded at a time; the rest waits in the connection, then in the service."""


def _secret(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    try:
        secret_key({"secret": value}, "secret")
    except BadDocument as error:
        raise click.BadParameter(str(error)) from None
    return value


@click.command()
@api_options
@click.option(
    "--url", required=True, callback=web_address, help="Where each request is forwarded to."
)
@click.option("--hook", "hooks", multiple=True, help="A hook, or a pattern such as channel_*.")
@click.option("--secret", callback=_secret, metavar="whsec_…", help="Signing secret to use.")
@click.option("--method", default="post", type=click.Choice(["get", "post", "put", "delete"]))
@click.option("--format", "form", default="json", type=click.Choice(["json", "form-data"]))
@click.option("--subaccounts", is_flag=True, help="Include events of the accounts below.")
def listen(
    api: str,
    token: str,
    account: str | None,
    url: str,
    hooks: tuple[str, ...],
    secret: str | None,
    method: str,
    form: str,
    *,
    subaccounts: bool,
) -> None:
    """Forward an account's events to a local server, signed as a webhook's requests are.

    Nothing is stored for it, and no webhook is touched. `r` sends the last request again; Ctrl-C
    ends.
    """
    query = {"http_verb": method, "format": form, "include_subaccounts": str(subaccounts).lower()}
    if hooks:
        query["hook"] = ",".join(hooks)
    run_to_end(
        lambda: until_interrupted(
            _listen(client_of(api, token), account, query, Listener(Forwarder(url), secret))
        )
    )


class Listener:
    """Forwards what a stream brings, and prints a line for each request."""

    def __init__(self, forwarder: Forwarder, secret: str | None) -> None:
        self._forwarder = forwarder
        self._secret = secret
        self._dialects = dialects_of(Settings())
        self._room = asyncio.Semaphore(AT_ONCE)
        self._last: StreamedRequest | None = None
        self._streams_secret: str | None = None

    def started(self, data: Mapping[str, Any]) -> None:
        """Note the secret of a new stream; the first one stays in use after a reconnection."""
        self._streams_secret = data["secret"]
        if self._secret is None:
            self._secret = data["secret"]
            note(f"requests are signed with {self._secret}")

    async def take(self, data: Mapping[str, Any], tasks: asyncio.TaskGroup) -> None:
        """Forward a request, as soon as there is room for one more."""
        request = StreamedRequest.of(data)
        if self._streams_secret != self._secret:
            request = self._signer.signed(request)
        self._last = request
        await self._room.acquire()
        tasks.create_task(self._forward(request))

    def again(self, tasks: asyncio.TaskGroup) -> None:
        """Send the last request again, signed for this moment."""
        if self._last is None:
            note("nothing to send again yet")
        else:
            tasks.create_task(self._again(self._last))

    @property
    def _signer(self) -> Signer:
        return Signer(self._secret or "", self._dialects)

    async def _again(self, request: StreamedRequest) -> None:
        async with self._room:
            show(await self._forwarder.send(self._signer.signed(request)), again=True)

    async def _forward(self, request: StreamedRequest) -> None:
        try:
            show(await self._forwarder.send(request))
        finally:
            self._room.release()

    @property
    def forwarder(self) -> Forwarder:
        """The client of the local server."""
        return self._forwarder


async def _listen(
    client: ApiClient, account: str | None, query: Mapping[str, str], listener: Listener
) -> None:
    async with client, listener.forwarder, asyncio.TaskGroup() as tasks:

        def on_text(text: str) -> None:
            for _ in range(text.count("r")):
                listener.again(tasks)

        account = account or await client.own_account()
        with typed(on_text):
            async for name, data in client.stream(f"accounts/{account}/stream/events", query):
                if name == "start":
                    listener.started(data)
                    note(f"listening to {', '.join(data['hooks'])} of account {account}")
                elif name == "request":
                    await listener.take(data, tasks)
                elif name == "dropped":
                    note(f"up to {data['count']} events are missing here: they came too fast")


def show(done: Forwarded, *, again: bool = False) -> None:
    """Print a forwarded request in one line."""
    good = done.status is not None and 200 <= done.status < 300
    parts = [
        f"{datetime.now().astimezone():%H:%M:%S}",
        f"{done.status or '-':>3}",
        f"{done.duration_s * 1000:6.0f} ms",
        f"{done.request.hook:18}",
        done.request.headers["webhook-id"],
        done.request.call_id or "",
        "again" if again else "",
        done.problem,
    ]
    click.secho(plain("  ".join(part for part in parts if part)), fg="green" if good else "red")
    sys.stdout.flush()
