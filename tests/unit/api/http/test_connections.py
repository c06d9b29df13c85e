"""Which connection may be open, and which has to go for another."""

import ipaddress

import pytest

from service.api.http.clients import Clients
from service.api.http.connections import LEAST, ConnectionLimits, Connections, most_connections

PROXY = "10.0.0.1"


class Wire:
    """A connection that knows whether it was ended."""

    def __init__(self) -> None:
        self.ended = False

    def cut_off(self) -> None:
        self.ended = True


def connections(most: int, per_address: int) -> Connections:
    limits = ConnectionLimits(most=most, most_per_address=per_address)
    return Connections(limits, Clients((ipaddress.ip_network(PROXY),)))


def test_an_address_has_its_share_and_gets_it_back() -> None:
    found = connections(100, 2)
    first, second, third, other = [Wire() for _ in range(4)]
    assert [found.admit(wire, "192.0.2.1") for wire in (first, second, third)] == [
        True,
        True,
        False,
    ]
    assert found.admit(other, "192.0.2.2")
    found.leave(third)
    assert not found.admit(third, "192.0.2.1"), "one that was refused has nothing to give back"
    found.leave(first)
    found.leave(first)
    assert found.admit(third, "192.0.2.1")
    assert not found.admit(Wire(), "192.0.2.1")


def test_the_addresses_of_an_ipv6_prefix_share() -> None:
    found = connections(100, 1)
    assert found.admit(Wire(), "2001:db8::1")
    assert not found.admit(Wire(), "2001:db8::2")
    assert found.admit(Wire(), "2001:db8:0:1::1")


@pytest.mark.parametrize("peer", [PROXY, None, ""])
def test_a_proxy_of_ours_and_a_unix_socket_have_no_share(peer: str | None) -> None:
    found = connections(100, 1)
    assert [found.admit(Wire(), peer) for _ in range(5)] == [True] * 5


def test_the_one_that_waited_longest_goes_for_a_new_one() -> None:
    found = connections(3, 100)
    wires = [Wire() for _ in range(5)]
    for wire in wires[:3]:
        assert found.admit(wire, "192.0.2.1")
    found.works(wires[0])
    found.works(wires[1])
    found.waits(wires[1])
    assert found.admit(wires[3], "192.0.2.1")
    assert [wire.ended for wire in wires] == [False, False, True, False, False]
    assert found.admit(wires[4], "192.0.2.1")
    assert [wire.ended for wire in wires] == [False, True, True, False, False]


def test_where_all_are_being_answered_a_new_one_is_refused() -> None:
    found = connections(2, 100)
    wires = [Wire() for _ in range(2)]
    for wire in wires:
        assert found.admit(wire, "192.0.2.1")
        found.works(wire)
    assert not found.admit(Wire(), "192.0.2.1")
    found.waits(wires[0])
    assert found.admit(Wire(), "192.0.2.1")
    assert wires[0].ended


def test_one_that_left_does_not_come_back_by_waiting() -> None:
    found = connections(1, 100)
    gone = Wire()
    found.admit(gone, "192.0.2.1")
    found.leave(gone)
    found.waits(gone)
    assert found.admit(Wire(), "192.0.2.1")
    assert not gone.ended


@pytest.mark.parametrize(
    ("wanted", "descriptors", "reserved", "allowed"),
    [(400, 20_000, 528, 400), (400, 928, 528, 400), (400, 600, 528, 72), (400, 256, 528, LEAST)],
)
def test_the_descriptors_of_deliveries_are_not_for_connections(
    wanted: int, descriptors: int, reserved: int, allowed: int
) -> None:
    assert most_connections(wanted, descriptors, reserved) == allowed
