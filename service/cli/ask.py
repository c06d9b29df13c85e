"""`switchhook ask`: asks an actionable webhook as a switch does, and shows the document."""

import asyncio
import sys
import time
import uuid
from collections.abc import Sequence

import aiohttp
import click
import orjson

from service.api.http.ask import REASON_HEADER, SOURCE_HEADER
from service.cli.migration import is_address
from service.cli.terminal import FAILED, run_to_end
from service.domain.errors import SwitchhookError

TIMEOUT_S = 60.0
CALLER = {"From": "+15550001111", "To": "+15550002222", "Direction": "inbound"}


class NoAnswer(SwitchhookError):
    """Nothing answered at the address."""


@click.command("ask")
@click.argument("url", callback=is_address)
@click.option(
    "--member",
    "members",
    multiple=True,
    metavar="NAME=VALUE",
    help="A member of the question, such as Digits=1.",
)
@click.option("--get", "method", flag_value="GET", help="Ask by GET.")
@click.option("--post", "method", flag_value="POST", default="POST", help="Ask by POST (default).")
def ask_command(url: str, members: Sequence[str], method: str) -> None:
    """Ask at the address of an actionable webhook, as Kazoo's pivot does.

    The address is that of the service with `_read_only.ask_path` of the webhook, or one inside of a
    document. Exit code 1 where the call would go on without a document.
    """
    pairs = [one.partition("=") for one in members]
    wrong = [name for name, equals, _ in pairs if not (name and equals)]
    if wrong:
        raise click.BadParameter(f"{wrong[0]!r} is not NAME=VALUE", param_hint="--member")
    question = {"Call-ID": uuid.uuid4().hex, **CALLER, **{name: value for name, _, value in pairs}}
    status, headers, body, took_s = run_to_end(lambda: _asked(url, question, method))
    source = headers.get(SOURCE_HEADER, "no actionable webhook")
    click.echo(f"{status} after {took_s * 1000:.0f} ms, from: {source}", err=True)
    if headers.get(REASON_HEADER):
        click.echo(f"others: {headers[REASON_HEADER]}", err=True)
    click.echo(_shown(body))
    sys.exit(0 if status == 200 else FAILED)


async def _asked(
    url: str, question: dict[str, str], method: str
) -> tuple[int, dict[str, str], bytes, float]:
    sent = {"params": question} if method == "GET" else {"data": question}
    began = time.perf_counter()
    try:
        async with (
            asyncio.timeout(TIMEOUT_S),
            aiohttp.ClientSession() as session,
            session.request(method, url, allow_redirects=False, **sent) as response,  # type: ignore[arg-type]
        ):
            body = await response.read()
            return response.status, dict(response.headers), body, time.perf_counter() - began
    except (TimeoutError, aiohttp.ClientError, OSError) as error:
        raise NoAnswer(f"nothing answers there: {error or type(error).__name__}") from error


def _shown(body: bytes) -> str:
    """Return JSON with indentation, anything else as it is."""
    try:
        return orjson.dumps(orjson.loads(body), option=orjson.OPT_INDENT_2).decode()
    except orjson.JSONDecodeError:
        return body.decode("utf-8", "replace")
