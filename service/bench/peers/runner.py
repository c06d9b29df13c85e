"""Measure all peers one after the other."""

import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import click
import orjson

from service.adapters.rabbitmq.tolerance import install_tolerant_decoders
from service.bench.machine import commit, machine
from service.bench.peers.measure import Figures, Trial, measured
from service.bench.peers.peer import Peer
from service.bench.peers.programs import Programs, not_measured, peers
from service.bench.peers.table import failures, table
from service.bench.setting.sink import ReceiverSink, sink
from service.bench.stopping import until_stopped
from service.domain.errors import SwitchhookError


async def compare(programs: Programs, events: int, seconds: float, output: Path) -> None:
    """Measure Switchhook and each peer that is given; write `peers.json`, and print the table.

    Raises SwitchhookError if SIGTERM or SIGINT ended it, after stopping all that it started.
    """
    await until_stopped(_compare(programs, events, seconds, output))


async def _compare(programs: Programs, events: int, seconds: float, output: Path) -> None:
    install_tolerant_decoders()
    found = programs.with_servers_found()
    results: dict[str, Any] = {}
    report = {"commit": commit(), "machine": machine(), "events": events, "seconds": seconds}
    with tempfile.TemporaryDirectory(prefix="switchhook-") as place:
        for peer in peers(Path(place), found):
            click.echo(f"measuring {peer.name}")
            results[peer.name] = await _of(peer, Path(place) / "sinks" / peer.name, events, seconds)
            _write(output, report | {"results": results})
    for line in ("", *table(results), *failures(results), "", *not_measured(found)):
        click.echo(line)
    click.echo(f"written to {output}/peers.json")


async def _of(peer: Peer, place: Path, events: int, seconds: float) -> dict[str, Figures]:
    """Return the figures of a peer; where it does not start, the reason."""
    try:
        async with AsyncExitStack() as stack:
            target = await stack.enter_async_context(sink(place / "sink"))
            receiver = await stack.enter_async_context(ReceiverSink(place / "receiver"))
            for server in peer.servers:
                await stack.enter_async_context(server)
            await stack.enter_async_context(peer.opened())
            return await measured(Trial(peer, target, receiver, events, seconds))
    except SwitchhookError as error:
        return {"start": {"failed": str(error)}}


def _write(output: Path, report: dict[str, Any]) -> None:
    output.mkdir(parents=True, exist_ok=True)
    (output / "peers.json").write_bytes(orjson.dumps(report, option=orjson.OPT_INDENT_2))
