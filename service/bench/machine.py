"""The machine and versions of a measurement, without which its figures mean nothing."""

import os
import platform
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import aiormq
from pymongo import AsyncMongoClient

from service import __version__
from service.bench.setting.site import Site

PACKAGES = ("aio-pika", "aiormq", "aiohttp", "motor", "orjson", "uvloop")
ROOT = Path(__file__).parents[2]


async def conditions(site: Site) -> dict[str, Any]:
    """Return machine, versions, commit and date."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "machine": machine(),
        "sink": site.sink.name,
        "versions": {
            "switchhook": __version__,
            "python": platform.python_version(),
            **{name: version(name) for name in PACKAGES},
            **await _servers(site),
        },
    }


def machine() -> dict[str, Any]:
    """Return the machine's system, CPU, memory and load."""
    return {
        "system": platform.platform(),
        "cpu": _field("/proc/cpuinfo", "model name"),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(int(_field("/proc/meminfo", "MemTotal").split()[0]) / 1024**2, 1),
        "load_before": os.getloadavg()[0],
    }


def commit() -> str:
    """Return the commit of the code, marked if there are uncommitted changes; empty if unknown."""
    found = subprocess.run(
        ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"],
        capture_output=True,
        text=True,
        check=False,
    )
    return found.stdout.strip()


async def _servers(site: Site) -> dict[str, str]:
    async with AsyncMongoClient[Mapping[str, Any]](site.mongo_url) as client:
        mongo = (await client.admin.command("buildInfo"))["version"]
    broker = await aiormq.connect(site.amqp_url)
    rabbitmq = broker.server_properties["version"]
    await broker.close()
    return {"mongod": str(mongo), "rabbitmq": str(rabbitmq)}


def _field(path: str, name: str) -> str:
    """Return the first value of a name in a file of lines `name: value`; empty if there is none."""
    for line in Path(path).read_text("utf-8").splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return ""
