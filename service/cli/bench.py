"""The command `switchhook bench`."""

from pathlib import Path

import click

from service.bench.runner import MEASURES, QUICK
from service.bench.runner import bench as run_bench
from service.bench.setting.site import Effort
from service.cli.terminal import run_to_end

EFFORT = Effort(events=10_000, pairs=5)
QUICK_EFFORT = Effort(events=3000, pairs=3)


@click.command()
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
def bench(
    *, quick: bool, events: int | None, pairs: int | None, only: tuple[str, ...], output: Path
) -> None:
    """Measure the service against the bare loops that it is made of.

    Starts its own RabbitMQ, MongoDB and sink. Run it on an otherwise idle machine.
    """
    usual = QUICK_EFFORT if quick else EFFORT
    effort = Effort(events or usual.events, pairs or usual.pairs)
    chosen = only or (QUICK if quick else tuple(MEASURES))
    run_to_end(lambda: run_bench(effort, chosen, output))
