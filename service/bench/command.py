"""The command `switchhook bench`."""

from pathlib import Path

import click

from service.bench.runner import MEASURES, QUICK
from service.bench.runner import bench as run_bench
from service.bench.site import Effort
from service.terminal import run_to_end

EVENTS, QUICK_EVENTS = 20_000, 6_000
PAIRS, QUICK_PAIRS = 5, 3


@click.command()
@click.option("--quick", is_flag=True, help="Under a minute: the two ratios only.")
@click.option("--events", type=click.IntRange(100, 10_000_000), help="Events per backlog.")
@click.option("--only", multiple=True, type=click.Choice(list(MEASURES)), help="Just this one.")
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".run"),
    show_default=True,
    help="Where bench.json and bench.svg are written.",
)
def bench(*, quick: bool, events: int | None, only: tuple[str, ...], output: Path) -> None:
    """Measure the service against the bare loops that it is made of.

    Starts its own RabbitMQ, MongoDB and sink. Best run on a machine that does nothing else.
    """
    effort = Effort(events or (QUICK_EVENTS if quick else EVENTS), QUICK_PAIRS if quick else PAIRS)
    chosen = only or (QUICK if quick else tuple(MEASURES))
    run_to_end(lambda: run_bench(effort, chosen, output))
