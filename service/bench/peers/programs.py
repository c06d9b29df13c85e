"""The peers' programs: given by path, or found on this machine."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from service.bench.peers.ours import Ours
from service.bench.peers.outpost import Outpost
from service.bench.peers.peer import Peer
from service.bench.peers.svix import Svix


@dataclass(frozen=True, slots=True)
class Programs:
    """Paths of programs; `postgres` is the directory of `initdb` and `postgres`."""

    svix: Path | None = None
    outpost: Path | None = None
    postgres: Path | None = None
    redis: Path | None = None

    def with_servers_found(self) -> "Programs":
        """Return the same with the servers that are on the PATH, where none are given."""
        initdb, redis = shutil.which("initdb"), shutil.which("redis-server")
        return Programs(
            self.svix,
            self.outpost,
            self.postgres or (Path(initdb).parent if initdb else None),
            self.redis or (Path(redis) if redis else None),
        )

    def missing(self, peer: str) -> list[str]:
        """Return the options that are needed to run a peer and were not given."""
        return [name for name in (peer, "postgres", "redis") if getattr(self, name) is None]


_ADAPTERS: dict[str, Callable[[Path, Path, Path, Path], Peer]] = {
    "svix": Svix,
    "outpost": Outpost,
}


def peers(directory: Path, programs: Programs) -> Iterator[Peer]:
    """Yield Switchhook, then the peers for which all programs are known; none is started."""
    yield Ours(directory / "switchhook")
    for name, adapter in _ADAPTERS.items():
        program: Path | None = getattr(programs, name)
        if program and programs.postgres and programs.redis:
            yield adapter(directory / name, program, programs.postgres, programs.redis)


def not_measured(programs: Programs) -> list[str]:
    """Return a line for each peer that cannot run, with the options it lacks."""
    lacking = {name: programs.missing(name) for name in _ADAPTERS}
    return [
        f"{name} not measured: give " + ", ".join(f"--{option}" for option in options)
        for name, options in lacking.items()
        if options
    ]
