"""Ports for servers that are started beside each other."""

import socket
import subprocess
import sys

import pytest

from service.dev.servers import HOST, NO_CONNECTIONS_PORTS, free_port

ANOTHER_RUN = """
from service.dev.servers import free_port
from tests.ports import reserve_ports
reserve_ports()
print(*(free_port() for _ in range(3000)))
"""


def test_no_port_is_given_twice_though_nobody_listens_on_it_yet() -> None:
    ports = [free_port() for _ in range(200)]
    assert len(set(ports)) == 200
    assert set(ports) <= set(NO_CONNECTIONS_PORTS)


def test_a_port_that_somebody_listens_on_is_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind((HOST, free_port()))
        taken.listen()
        free = free_port()
        order = iter([taken.getsockname()[1], free])
        monkeypatch.setattr("service.dev.servers._shuffled_ports", order)
        assert free_port() == free


def test_two_runs_of_tests_at_once_are_given_different_ports() -> None:
    ours = {free_port() for _ in range(200)}
    ended = subprocess.run(  # noqa: S603 (it is Python)
        [sys.executable, "-c", ANOTHER_RUN], capture_output=True, text=True, check=True
    )
    theirs = {int(port) for port in ended.stdout.split()}
    assert len(theirs) == 3000
    assert ours.isdisjoint(theirs)
