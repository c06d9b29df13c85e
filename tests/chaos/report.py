"""The table: one row per fault."""

import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

HEADINGS = (
    "fault",
    "accepted",
    "delivered",
    "dead letters",
    "lost",
    "duplicates (bound)",
    "recovery s",
    "p99 ms before → during",
    "note",
)

NONE = "-"
MACHINE_NOISE_S = 0.1


@dataclass(frozen=True, slots=True)
class Row:
    """What became of the events of one fault. Delivered, dead and lost count deliveries."""

    fault: str
    accepted: int
    delivered: int
    dead: int
    lost: int
    duplicated: int
    bound: int
    recovery_s: float | None = None
    p99_before_s: float | None = None
    p99_s: float | None = None
    note: str = ""

    @property
    def isolated(self) -> bool:
        """Whether the healthy endpoints kept within twice their p99.

        Below 100 ms what the machine does besides is larger than what is looked for.
        """
        if self.p99_before_s is None or self.p99_s is None:
            return False
        return self.p99_s <= 2 * max(self.p99_before_s, MACHINE_NOISE_S)

    @property
    def undelayed(self) -> bool:
        """Whether the healthy waited at most 100 ms more than before, or twice as long."""
        if self.p99_before_s is None or self.p99_s is None:
            return False
        return self.p99_s <= max(2 * self.p99_before_s, self.p99_before_s + MACHINE_NOISE_S)

    def is_normal(self, p99_s: float) -> bool:
        """Return whether the healthy waited at most three times as long as is normal here.

        100 ms more than before the fault are always allowed: the machine does other things.
        """
        if self.p99_before_s is None or self.p99_s is None:
            return False
        return self.p99_s <= max(3 * p99_s, self.p99_before_s + MACHINE_NOISE_S)

    def cells(self) -> tuple[str, ...]:
        """Return the row as text."""
        recovery = NONE if self.recovery_s is None else f"{self.recovery_s:.1f}"
        latency = f"{_ms(self.p99_before_s)} → {_ms(self.p99_s)}"
        counts = (self.accepted, self.delivered, self.dead, self.lost)
        return (
            self.fault,
            *(f"{count:,}" for count in counts),
            f"{self.duplicated} ({self.bound})",
            recovery,
            latency,
            self.note,
        )


def _ms(seconds: float | None) -> str:
    return NONE if seconds is None else f"{seconds * 1000:.0f}"


def as_text(rows: Sequence[Row]) -> str:
    """Return the table for a terminal."""
    table = [HEADINGS, *(row.cells() for row in rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if index in (0, len(widths) - 1) else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ).rstrip()
        for cells in table
    )


def as_markdown(rows: Sequence[Row], seed: str) -> str:
    """Return the table as a document, with where and when it was made."""
    lines = [f"# Chaos suite, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC", ""]
    lines += [f"- {line}" for line in (*_circumstances(), f"seed {seed}")]
    rule = "|" + "|".join("---" if i in (0, 8) else "--:" for i in range(len(HEADINGS))) + "|"
    lines += ["", "| " + " | ".join(HEADINGS) + " |", rule]
    lines += ["| " + " | ".join(row.cells()) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _circumstances() -> list[str]:
    packages = ("aio-pika", "aiormq", "aiohttp", "motor", "uvloop")
    return [
        f"{_cpu()}, {os.cpu_count()} cores, {platform.platform()}",
        f"Python {platform.python_version()}, RabbitMQ {_rabbitmq()}, "
        + ", ".join(f"{name} {version(name)}" for name in packages),
        f"commit {_commit()}",
    ]


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _rabbitmq() -> str:
    homes = sorted(Path("/usr/lib/rabbitmq/lib").glob("rabbitmq_server-*"))
    return homes[-1].name.partition("-")[2] if homes else "?"


def _commit() -> str:
    found = subprocess.run(
        ["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False
    )
    return found.stdout.strip() or "?"
