from pathlib import Path

import pytest
from click.testing import CliRunner

from service.cli.main import main, worker
from service.workers.identity import WorkerIdentity, health_socket


@pytest.mark.parametrize("shadow", [False, True])
def test_the_options_of_the_command_are_those_a_place_is_told_by(shadow: bool) -> None:
    identity = WorkerIdentity(2, 4, Path("/tmp/x"), (7, 9), shadow)  # noqa: S108
    with worker.make_context("worker", [*identity.arguments(), "--requests", "8"]) as context:
        given = dict(context.params)
    assert (given.pop("config"), given.pop("requests")) == (None, 8)
    assert WorkerIdentity(**given) == identity


def test_the_command_worker_is_not_for_people() -> None:
    assert "worker " not in CliRunner().invoke(main, ["--help"]).output


def test_each_worker_answers_on_a_socket_of_its_own() -> None:
    identity = WorkerIdentity(3, 4, Path("/run/s"), ())
    assert (
        identity.health_socket == health_socket(Path("/run/s"), 3) == Path("/run/s/worker-3.sock")
    )
