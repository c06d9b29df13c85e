"""The command that shows attempts while they happen."""

import sys
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import click
import orjson

from service.cli.live import api_options, client_of, note, plain, until_interrupted
from service.cli.terminal import run_to_end
from service.domain.delivery import Outcome
from service.text.plural import counted
from service.tools.api_client import ApiClient

COLOURS = {"success": "green", "failure": "red"}


@click.command()
@api_options
@click.option("--webhook", "hook_id", metavar="ID", help="Only attempts of this webhook.")
@click.option("--hook", metavar="HOOK", help="Only events of this hook.")
@click.option("--outcome", type=click.Choice([one.value for one in Outcome]))
@click.option("--result", type=click.Choice(["success", "failure"]))
@click.option("--call", "call_id", metavar="ID", help="Only events of this call.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object per line.")
def tail(
    api: str, token: str, account: str | None, *, as_json: bool, **filters: str | None
) -> None:
    """Show the attempts of an account while they happen, until Ctrl-C."""
    query = {f"filter_{name}": value for name, value in filters.items() if value is not None}
    client = client_of(api, token)
    run_to_end(lambda: until_interrupted(_tail(client, account, query, as_json=as_json)))


async def _tail(
    client: ApiClient, account: str | None, query: Mapping[str, str], *, as_json: bool
) -> None:
    async with client:
        account = account or await client.own_account()
        async for name, data in client.stream(f"accounts/{account}/stream/attempts", query):
            if name == "attempt":
                _print(data, as_json=as_json)
            elif name == "dropped":
                most = counted(data["count"], "attempt")
                note(f"{most} or fewer are missing here: they came too fast")
            elif name == "start":
                note(f"attempts of account {account}; Ctrl-C ends")


def _print(attempt: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        click.echo(orjson.dumps(attempt))
    else:
        click.secho(plain(line_of(attempt)), fg=COLOURS.get(attempt["result"]))
    sys.stdout.flush()


def line_of(attempt: Mapping[str, Any]) -> str:
    """Return an attempt in one line, in the local time zone."""
    at = datetime.fromisoformat(attempt["started_at"]).astimezone()
    status = attempt.get("resp_status_code", "-")
    parts = [
        f"{at:%H:%M:%S}",
        f"{attempt['outcome']:12}",
        f"{status:>3}",
        f"{attempt['duration_ms']:7.0f} ms",
        f"{attempt['hook']:18}",
        f"#{attempt['attempt']}",
        attempt["hook_id"],
        attempt["uri"],
        attempt.get("call_id") or "",
    ]
    return "  ".join(parts).rstrip()
