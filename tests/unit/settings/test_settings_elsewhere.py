"""Settings that count outside of the running service: at its start, in commands, in its shadow."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from click.testing import CliRunner

from service import app
from service.adapters.http.shadow_sender import ShadowSender
from service.cli import emit
from service.cli import main as cli
from service.domain.policy import HttpPolicy
from service.settings.model import Settings
from service.wiring import api as wiring_of_api
from service.wiring.parts import sender_of
from service.workers import supervisor
from tests.fakes import make_metrics

ODD = Settings.model_validate(
    {
        "amqp": {
            "url": "amqp://odd:pw@a.example/v",
            "prefix": "odd-prefix",
            "management_url": "http://odd.example:15672",
        },
        "http": {"pool_limit": 1000, "connect_timeout_s": 2.5},
        "egress": {"ports": [8444], "require_https": True},
        "api": {"host": "odd.example", "port": 8888},
        "metrics": {"host": "numbers.example", "port": 9999},
        "shutdown": {"grace_s": 11.5},
    }
)


def test_in_the_shadow_the_same_addresses_would_be_refused() -> None:
    sender = sender_of(ODD, make_metrics(), shadow=True)
    assert isinstance(sender, ShadowSender)
    assert sender._guard.policy == ODD.egress
    assert set(sender._guard.own_ports) == {8888, 9999}


@pytest.mark.parametrize(("descriptors", "most"), [(2178, 50), (2128 + 400, 400), (100_000, 400)])
def test_the_api_leaves_descriptors_for_the_pool(
    descriptors: int, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = (descriptors, descriptors)
    monkeypatch.setattr(wiring_of_api.resource, "getrlimit", lambda _: limits)  # type: ignore[attr-defined]
    assert wiring_of_api.connections_for(ODD).limits.most == most


@pytest.mark.parametrize(("descriptors", "pool_limit"), [(100_000, 1000), (2600, 1000), (400, 100)])
def test_the_pool_is_made_smaller_where_descriptors_do_not_suffice(
    descriptors: int, pool_limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "raise_descriptor_limit", lambda: descriptors)
    found = app._as_large_as_possible(ODD)
    assert found.http == HttpPolicy(pool_limit=pool_limit, connect_timeout_s=2.5)
    assert found.model_copy(update={"http": ODD.http}) == ODD


@pytest.mark.parametrize("url", [None, "http://odd.example:15672"])
async def test_policies_are_looked_at_when_it_starts_where_they_can_be(
    url: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str | None] = []

    async def note(management: Any, *_: object) -> list[Any]:
        asked.append(management.url)
        return []

    monkeypatch.setattr(app, "examine_policies", note)
    await app._tell_policies(Settings.model_validate({"amqp": {"management_url": url}}))
    assert asked == ([] if url is None else [url])


def test_samples_are_published_to_the_broker_of_the_settings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    buses: list[tuple[str, Any]] = []
    monkeypatch.setattr(cli, "quiet_logs", lambda: None)
    monkeypatch.setattr(emit, "Bus", lambda *where: buses.append(where))
    monkeypatch.setattr(emit, "run_to_end", lambda _: 0)
    variables = {
        "SWITCHHOOK_AMQP__URL": ODD.amqp.url.get_secret_value(),
        "SWITCHHOOK_AMQP__PREFIX": ODD.amqp.prefix,
    }
    command = ("emit", "--all", "--account", "a")
    done = CliRunner(env=variables).invoke(cli.main, command)
    assert done.exit_code == 0, done.output
    [(url, needed)] = buses
    assert url == "amqp://odd:pw@a.example/v"
    assert needed.configure == r"^odd-prefix(\.|$)"


async def test_the_supervisor_listens_and_waits_as_the_settings_say(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    served: list[tuple[Any, ...]] = []
    listening: list[tuple[Any, ...]] = []
    limits_s: list[float] = []

    @asynccontextmanager
    async def serve(_: object, *where: Any) -> AsyncIterator[None]:
        served.append(where)
        yield

    def listen(*where: Any) -> list[Any]:
        listening.append(where)
        return []

    async def run(started: supervisor.Supervisor) -> None:
        limits_s.extend(keeper._limit_s for keeper in started._keepers)
        for end in (started._template._lifeline, started._template._held):
            os.close(end)

    monkeypatch.setattr(supervisor, "serve", serve)
    monkeypatch.setattr(supervisor, "listen", listen)
    monkeypatch.setattr(supervisor.Supervisor, "run", run)
    await supervisor.supervise(2, None, ODD, lambda: ODD)
    assert listening == [("odd.example", 8888)]
    assert served == [("numbers.example", 9999)]
    assert limits_s == 2 * [11.5 + supervisor.LATE_S]
