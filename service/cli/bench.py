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
@click.option("--quick", is_flag=True, help="Under a minute: the two ratios only.")
@click.option("--events", type=click.IntRange(100, 10_000_000), help="Events per backlog.")
@click.option("--pairs", type=click.IntRange(1, 100), help="How often they take turns.")
@click.option("--only", multiple=True, type=click.Choice(list(MEASURES)), help="Just this one.")
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".run"),
    show_default=True,
    help="Where bench.json and bench.svg are written.",
)
def bench(
    *, quick: bool, events: int | None, pairs: int | None, only: tuple[str, ...], output: Path
) -> None:
    """Measure the service against the bare loops that it is made of.

    Starts its own RabbitMQ, MongoDB and sink. Best run on a machine that does nothing else.
    """
    usual = QUICK_EFFORT if quick else EFFORT
    effort = Effort(events or usual.events, pairs or usual.pairs)
    chosen = only or (QUICK if quick else tuple(MEASURES))
    run_to_end(lambda: run_bench(effort, chosen, output))
