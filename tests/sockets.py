"""Which sockets processes listen on, as Linux tells it under /proc."""

import os
import socket
import struct
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

LISTENING = "0A"
PROC = Path("/proc")

Address = tuple[IPv4Address | IPv6Address, int]


def processes_of(directory: Path, program: str = "") -> set[int]:
    """Return the processes that have the directory in their environment or their command.

    That finds the port mapper of Erlang too, which leaves its process group and its parent.
    `program` narrows it to those whose command names it.
    """
    marker, found = os.fsencode(directory), set()
    for entry in PROC.iterdir():
        if entry.name.isdecimal() and int(entry.name) != os.getpid():
            with suppress(OSError):
                command = (entry / "cmdline").read_bytes()
                said = (entry / "environ").read_bytes() + command
                if marker in said and os.fsencode(program) in command:
                    found.add(int(entry.name))
    return found


def listening(processes: set[int]) -> set[Address]:
    """Return address and port of every socket that one of the processes listens on."""
    inodes = {inode for process in processes for inode in _sockets_of(process)}
    tables = ("tcp", "tcp6")
    return {address for name in tables for inode, address in _table(name) if inode in inodes}


def _sockets_of(process: int) -> Iterator[str]:
    with suppress(OSError):
        for descriptor in (PROC / str(process) / "fd").iterdir():
            with suppress(OSError):
                target = str(descriptor.readlink())
                if target.startswith("socket:["):
                    yield target[8:-1]


def _table(name: str) -> Iterator[tuple[str, Address]]:
    """Yield inode and address of each socket that somebody listens on."""
    for row in (PROC / "net" / name).read_text().splitlines()[1:]:
        columns = row.split()
        if columns[3] == LISTENING:
            host, port = columns[1].split(":")
            yield columns[9], (_address(host), int(port, 16))


def _address(text: str) -> IPv4Address | IPv6Address:
    """Read an address as the kernel writes it: words of 32 bits in the machine's own order."""
    words = [int(text[at : at + 8], 16) for at in range(0, len(text), 8)]
    packed = struct.pack(f"={len(words)}I", *words)
    family = socket.AF_INET if len(words) == 1 else socket.AF_INET6
    return ip_address(socket.inet_ntop(family, packed))
