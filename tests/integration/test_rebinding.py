"""A name server that says a public address first and a private one next gets nothing through."""

import asyncio

import pytest

from service.adapters.http import dialling
from service.adapters.http.uri_guard import ResolvingGuard
from service.domain.delivery import Outcome
from service.domain.policy import EgressPolicy
from service.egress.guard import System
from tests.diverted_network import DivertedNetwork
from tests.integration.test_egress import asking, sender, standing_in
from tests.name_server import NameServer, name_server

PUBLIC, OTHER_PUBLIC = "93.184.216.34", "93.184.216.35"
PRIVATE = ["127.0.0.1", "10.0.0.5", "169.254.169.254", "0.0.0.0", "100.64.0.1"]  # noqa: S104
GOODBYE = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

URI = "http://rebind.example.net/"


def asking_it(server: NameServer, network: DivertedNetwork) -> System:
    return System(server.lookup, network.system().new_socket)


@pytest.mark.parametrize("private", PRIVATE)
async def test_between_making_the_webhook_and_calling_it(private: str) -> None:
    async with name_server([PUBLIC], [private]) as server:
        network = DivertedNetwork({})
        system = asking_it(server, network)
        assert await ResolvingGuard(EgressPolicy(), system=system).refusal(URI) is None
        async with sender(EgressPolicy(), system) as made:
            response = await made.send(asking(URI))
    assert response.outcome is Outcome.EGRESS_REFUSED
    assert private not in str(response.detail)
    assert (server.questions, network.sockets) == (2, 0)


@pytest.mark.parametrize("private", PRIVATE)
async def test_between_two_connections(private: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialling, "DNS_CACHE_S", 0.5)
    async with name_server([PUBLIC], [private]) as server, standing_in(answer=GOODBYE) as public:
        network = DivertedNetwork({}, public.port)
        async with sender(EgressPolicy(), asking_it(server, network)) as made:
            outcomes = [(await made.send(asking(URI))).outcome for _ in range(2)]
            assert outcomes == [Outcome.SUCCEEDED] * 2
            assert server.questions == 1, "the second connection was to the address judged before"
            await asyncio.sleep(0.6)
            outcomes = [(await made.send(asking(URI))).outcome for _ in range(3)]
            assert outcomes == [Outcome.EGRESS_REFUSED] * 3
    assert network.dialled == [(PUBLIC, 80)] * 2
    assert public.connections == 2


@pytest.mark.parametrize("private", PRIVATE)
async def test_a_private_address_among_public_ones(private: str) -> None:
    async with name_server([PUBLIC, private, OTHER_PUBLIC]) as server:
        network = DivertedNetwork({})
        async with sender(EgressPolicy(), asking_it(server, network)) as made:
            response = await made.send(asking(URI))
    assert response.outcome is Outcome.EGRESS_REFUSED
    assert network.sockets == 0


async def test_a_refusal_is_not_remembered_when_the_name_is_well_again() -> None:
    async with name_server(["10.0.0.5"], [PUBLIC]) as server, standing_in() as public:
        network = DivertedNetwork({}, public.port)
        async with sender(EgressPolicy(), asking_it(server, network)) as made:
            assert (await made.send(asking(URI))).outcome is Outcome.EGRESS_REFUSED
            assert (await made.send(asking(URI))).outcome is Outcome.SUCCEEDED
    assert network.dialled == [(PUBLIC, 80)]


async def test_a_name_server_that_does_not_answer_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dialling, "LOOKUP_TIMEOUT_S", 0.2)
    async with name_server([PUBLIC]) as server:
        network = DivertedNetwork({})
        server.datagram_received = lambda *_: None  # type: ignore[method-assign]
        system = asking_it(server, network)
        async with sender(EgressPolicy(), system) as made, asyncio.timeout(2.0):
            response = await made.send(asking(URI))
    assert response.outcome is Outcome.DNS_FAILED
    assert network.sockets == 0
