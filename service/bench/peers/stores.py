"""PostgreSQL and Redis as private servers; the programs are given by path."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from service.dev.servers import HOST, Server
from service.domain.errors import SwitchhookError

USER = "postgres"


class Postgres(Server):
    """A PostgreSQL whose database and user are both `postgres`. It refuses to run as root."""

    def __init__(self, directory: Path, programs: Path) -> None:
        super().__init__("postgres", directory)
        self._programs = programs

    @property
    def url(self) -> str:
        """The connection string."""
        return f"postgresql://{USER}@{HOST}:{self.port}/{USER}?sslmode=disable"

    async def start(self) -> None:
        """See `Server`; makes the database first."""
        self.directory.mkdir(parents=True, exist_ok=True)
        data = str(self.directory / "data")
        await completed(self._programs / "initdb", "-D", data, "-U", USER, "-A", "trust")
        await super().start()

    def command(self) -> Sequence[str]:
        """See `Server`."""
        place = str(self.directory)
        listen = ("-h", HOST, "-p", str(self.port), "-k", place)
        return [str(self._programs / "postgres"), "-D", f"{place}/data", *listen]

    async def ready(self) -> None:
        """See `Server`."""
        await _accepts(self.port)


class Redis(Server):
    """A Redis that writes to disk, as Svix recommends and Outpost needs to survive a restart."""

    def __init__(self, directory: Path, program: Path) -> None:
        super().__init__("redis", directory)
        self._program = program

    @property
    def url(self) -> str:
        """The connection string."""
        return f"redis://{HOST}:{self.port}"

    def command(self) -> Sequence[str]:
        """See `Server`."""
        place = ("--dir", str(self.directory), "--appendonly", "yes")
        return [str(self._program), "--bind", HOST, "--port", str(self.port), *place]

    async def ready(self) -> None:
        """See `Server`."""
        await _accepts(self.port)


async def completed(program: Path, *arguments: str, **environment: str) -> None:
    """Run a program to its end. Raises SwitchhookError with its output if it fails."""
    process = await asyncio.create_subprocess_exec(
        str(program),
        *arguments,
        env=environment or None,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    if process.returncode:
        raise SwitchhookError(f"{program.name} failed: {output.decode(errors='replace')[-300:]}")


async def _accepts(port: int) -> None:
    _, writer = await asyncio.open_connection(HOST, port)
    writer.close()
