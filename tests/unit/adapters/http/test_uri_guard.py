"""The guard of links looks a name up once for all the questions of ten seconds."""

from dataclasses import dataclass

from service.adapters.http.dialling import DNS_CACHE_S
from service.adapters.http.uri_guard import ResolvingGuard
from service.domain.policy import EgressPolicy
from tests.diverted_network import DivertedNetwork

PUBLIC, PRIVATE = "93.184.216.34", "10.0.0.5"
URI = "https://cdn.example.net/m.wav"


@dataclass
class Clock:
    at: float = 1000.0

    def __call__(self) -> float:
        return self.at


async def test_a_verdict_is_as_old_as_addresses_may_be_and_then_made_again() -> None:
    network, clock = DivertedNetwork({"cdn.example.net": [[PUBLIC], [PRIVATE], [PUBLIC]]}), Clock()
    guard = ResolvingGuard(EgressPolicy(), system=network.system(), now=clock)
    for asked, rule in ((1, None), (2, "not_public"), (3, None)):
        assert await guard.refusal(URI) == rule
        clock.at += DNS_CACHE_S - 1
        assert await guard.refusal(URI) == rule
        assert network.asked["cdn.example.net"] == asked
        clock.at += 1


async def test_an_account_that_refuses_plain_http_has_verdicts_of_its_own() -> None:
    network = DivertedNetwork({"cdn.example.net": [[PUBLIC]]})
    guard, plain = ResolvingGuard(EgressPolicy(), system=network.system()), "http://cdn.example.net"
    assert await guard.refusal(plain) is None
    assert await guard.refusal(plain, https_only=True) == "require_https"
