"""The container image's recipe, and what the Compose file makes of it.

No daemon builds the image here: what can be told without one is that every step is free of a shell,
that what is copied is there and not ignored, that the health check tells well from unwell, and that
the Compose file is one.
"""

import asyncio
import json
import re
import shlex
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from check_jsonschema.builtin_schemas import get_builtin_schema

from service.dev.documents import ROOT
from service.dev.servers import free_port
from service.settings.load import load_settings
from tests.conftest import StartService

DEPLOY = ROOT / "deploy"
VARIABLE = re.compile(r"\$\{(\w+)[^}]*\}")


def steps() -> list[list[tuple[str, str]]]:
    """Return instruction and arguments of each step, by stage."""
    text = re.sub(r"^\s*#.*\n", "", (DEPLOY / "Dockerfile").read_text("utf-8"), flags=re.MULTILINE)
    stages: list[list[tuple[str, str]]] = []
    for line in filter(None, text.replace("\\\n", "").splitlines()):
        name, _, rest = line.partition(" ")
        if name == "FROM":
            stages.append([])
        if stages:
            stages[-1].append((name, rest.strip()))
    return stages


def last(name: str) -> str:
    """Return what the final stage says last by an instruction."""
    return [rest for instruction, rest in steps()[-1] if instruction == name][-1]


def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
    return found


def health_check() -> list[str]:
    command: list[str] = json.loads(last("HEALTHCHECK").partition("CMD ")[2])
    assert command[0] == "python"
    return [sys.executable, *command[1:]]


def test_no_step_needs_a_shell_and_everything_is_installed_by_its_hash() -> None:
    build, final = steps()
    commands = [json.loads(rest) for name, rest in build if name == "RUN"]
    assert not [name for name, _ in final if name in ("RUN", "ADD")]
    installed = [command for command in commands if "install" in command]
    assert len(installed) == 3
    for command in installed:
        assert "--require-hashes" in command or "--no-index" in command
    assert json.loads(last("ENTRYPOINT")) == ["switchhook"]
    assert json.loads(last("CMD")) == ["run"]


def test_it_runs_as_a_user_of_a_fixed_number_that_is_not_root() -> None:
    user, _, group = last("USER").partition(":")
    assert int(user) == int(group) == 10_001


def test_what_is_copied_is_there_and_not_ignored() -> None:
    lines = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    kept = {line[1:] for line in lines if line.startswith("!")}
    assert "*" in lines
    copied = {
        source
        for name, rest in steps()[0]
        if name == "COPY"
        for source in shlex.split(rest)[:-1]
    }  # fmt: skip
    assert copied == kept
    assert all((ROOT / path).exists() for path in copied)


def test_what_the_image_sets_are_settings() -> None:
    pairs = dict(re.findall(r"(\w+)=(\S+)", last("ENV")))
    settings = load_settings(None, pairs)
    assert settings.api.host == settings.metrics.host == "0.0.0.0"  # noqa: S104 (in a container)
    exposed = [int(port) for port in last("EXPOSE").split()]
    assert exposed == [settings.api.port, settings.metrics.port]


async def test_the_health_check_tells_a_service_that_lives_from_one_that_does_not(
    start_service: StartService,
) -> None:
    service = await start_service()
    assert await _exit_code(health_check(), service.port) == 0
    assert await _exit_code(health_check(), free_port()) == 1
    on_another_path = [part.replace("/healthz", "/nowhere") for part in health_check()]
    assert await _exit_code(on_another_path, service.port) == 1, "any answer but 200 is unwell"


async def _exit_code(command: list[str], port: int) -> int:
    env = {"SWITCHHOOK_API__PORT": str(port)}
    process = await asyncio.create_subprocess_exec(
        *command, env=env, stderr=asyncio.subprocess.DEVNULL
    )
    return await process.wait()


def test_the_compose_file_is_one() -> None:
    jsonschema.validate(compose(), get_builtin_schema("vendor.compose-spec"))


def test_every_port_is_on_loopback_alone() -> None:
    ports = [
        port for service in compose()["services"].values() for port in service.get("ports", [])
    ]
    assert len(ports) == 6
    assert all(port.startswith("127.0.0.1:") for port in ports), ports


def test_the_service_is_shut_in() -> None:
    service = compose()["services"]["switchhook"]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert int(service["stop_grace_period"].rstrip("s")) > load_settings(None, {}).shutdown.grace_s


def test_its_settings_are_settings_and_its_example_names_every_variable() -> None:
    text = (DEPLOY / "compose.yaml").read_text("utf-8")
    example = (DEPLOY / "compose.env.example").read_text("utf-8")
    named = re.findall(r"^(\w+)=", example, re.MULTILINE)
    assert set(VARIABLE.findall(text)) == set(named)
    environment = compose()["services"]["switchhook"]["environment"]
    filled = {name: VARIABLE.sub("", value) for name, value in environment.items()}
    assert load_settings(None, filled).amqp.urls == ("amqp://switchhook:@rabbitmq:5672/",)


def test_the_passwords_it_gives_the_broker_are_definitions() -> None:
    content = VARIABLE.sub("0123abcd", compose()["configs"]["rabbitmq-users"]["content"])
    users = {user["name"]: user for user in json.loads(content)["users"]}
    assert users["switchhook"] == {"name": "switchhook", "password": "0123abcd", "tags": []}


@pytest.mark.parametrize("folder", ["rabbitmq", "mongodb"])
def test_the_files_it_mounts_are_there(folder: str) -> None:
    services = compose()["services"].values()
    mounted = [
        volume.split(":")[0] for service in services for volume in service.get("volumes", [])
    ]
    ours = [path for path in mounted if path.startswith(f"./{folder}/")]
    assert ours
    assert all((DEPLOY / Path(path)).is_file() for path in ours)


def test_grafana_finds_the_dashboards_where_its_provisioning_looks() -> None:
    mounts = dict(volume.split(":")[:2] for volume in compose()["services"]["grafana"]["volumes"])
    providers = yaml.safe_load(
        (DEPLOY / "grafana/provisioning/dashboards/switchhook.yml").read_text()
    )
    (provider,) = providers["providers"]
    assert mounts["./grafana/dashboards"] == provider["options"]["path"]
    assert [*(DEPLOY / "grafana/dashboards").glob("*.json")]


def test_what_waits_for_what_exists() -> None:
    services = compose()["services"]
    for service in services.values():
        for name, how in service.get("depends_on", {}).items():
            if how["condition"] == "service_healthy":
                assert "healthcheck" in services[name]
            else:
                assert name in services
