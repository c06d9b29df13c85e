"""The command `switchhook bench` and its subcommands."""

import json
from pathlib import Path

import click

from service.bench.capacity import (
    SIZES,
    Capacity,
    Costs,
    Load,
    Means,
    costs_of,
    limits_table,
    needs_table,
)
from service.bench.peers.programs import Programs
from service.bench.peers.runner import compare
from service.bench.runner import MEASURES, QUICK
from service.bench.runner import bench as run_bench
from service.bench.setting.site import Effort
from service.cli.terminal import run_to_end

EFFORT = Effort(events=10_000, pairs=5)
QUICK_EFFORT = Effort(events=3000, pairs=3)
PROGRAM = click.Path(exists=True, dir_okay=False, resolve_path=True, path_type=Path)
POSITIVE = click.FloatRange(min=0, min_open=True)


@click.group(invoke_without_command=True)
@click.option("--quick", is_flag=True, help="Measure the two ratios only; under a minute.")
@click.option("--events", type=click.IntRange(100, 10_000_000), help="Events per backlog.")
@click.option("--pairs", type=click.IntRange(1, 100), help="Turns of floor and service.")
@click.option("--only", multiple=True, type=click.Choice(list(MEASURES)), help="Measure this only.")
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".run"),
    show_default=True,
    help="Directory for bench.json and bench.svg.",
)
@click.pass_context
def bench(
    context: click.Context,
    *,
    quick: bool,
    events: int | None,
    pairs: int | None,
    only: tuple[str, ...],
    output: Path,
) -> None:
    """Measure the service against the bare loops that it is made of.

    Starts its own RabbitMQ, MongoDB and sink. Run it on an otherwise idle machine. These options
    belong to the measurement; a subcommand has its own.
    """
    if context.invoked_subcommand is not None:
        return
    usual = QUICK_EFFORT if quick else EFFORT
    effort = Effort(events or usual.events, pairs or usual.pairs)
    chosen = only or (QUICK if quick else tuple(MEASURES))
    run_to_end(lambda: run_bench(effort, chosen, output))


@bench.command()
@click.option("--events", multiple=True, type=POSITIVE, default=SIZES, help="Events per second.")
@click.option("--fan-out", type=POSITIVE, default=1, show_default=True, help="Webhooks per event.")
@click.option("--answer-s", type=POSITIVE, default=0.1, show_default=True, help="Receivers' time.")
@click.option(
    "--node-cores",
    type=click.IntRange(1),
    default=8,
    show_default=True,
    help="Of broker and store.",
)
@click.option(
    "--members", type=click.IntRange(1), default=3, show_default=True, help="Of a quorum queue."
)
@click.option("--disk-gb", type=POSITIVE, default=2000, show_default=True, help="Attempt log.")
@click.option(
    "--measured",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A bench.json with the result of `--only cores`, in place of the built-in figures.",
)
def scale(
    events: tuple[float, ...],
    fan_out: float,
    answer_s: float,
    node_cores: int,
    members: int,
    disk_gb: float,
    measured: Path | None,
) -> None:
    """Compute what rates of events need, and which part is full first; measures nothing."""
    costs = costs_of(_cores(measured)) if measured else Costs()
    capacity = Capacity(costs, Means(node_cores, members, disk_gb))
    loads = [Load(per_s, fan_out, answer_s) for per_s in events]
    for lines in (needs_table(capacity, loads), limits_table(capacity.limits(loads[0]))):
        click.echo("\n".join(lines) + "\n")


@bench.command()
@click.option("--svix", type=PROGRAM, envvar="BENCH_SVIX", help="The program `svix-server`.")
@click.option("--outpost", type=PROGRAM, envvar="BENCH_OUTPOST", help="The program `outpost`.")
@click.option(
    "--postgres",
    type=click.Path(exists=True, file_okay=False, resolve_path=True, path_type=Path),
    envvar="BENCH_POSTGRES",
    help="Directory of `initdb` and `postgres`; by default that on the PATH.",
)
@click.option(
    "--redis", type=PROGRAM, envvar="BENCH_REDIS", help="`redis-server`; by default on the PATH."
)
@click.option("--events", type=click.IntRange(100), default=10_000, show_default=True)
@click.option("--seconds", type=POSITIVE, default=20, show_default=True, help="At a steady rate.")
@click.option("--output", type=click.Path(file_okay=False, path_type=Path), default=Path(".run"))
def peers(
    svix: Path | None,
    outpost: Path | None,
    postgres: Path | None,
    redis: Path | None,
    events: int,
    seconds: float,
    output: Path,
) -> None:
    """Measure the service and other senders of webhooks alike.

    Their programs are given by options, or by BENCH_SVIX, BENCH_OUTPOST, BENCH_POSTGRES and
    BENCH_REDIS. Both need PostgreSQL and Redis. Without them Switchhook alone is measured.
    """
    programs = Programs(svix, outpost, postgres, redis)
    run_to_end(lambda: compare(programs, events, seconds, output))


def _cores(measured: Path) -> dict[str, dict[str, float]]:
    results = json.loads(measured.read_text("utf-8")).get("results", {})
    if "cores" not in results:
        raise click.BadParameter(f"{measured} has no result of `--only cores`")
    found: dict[str, dict[str, float]] = results["cores"]
    return found
