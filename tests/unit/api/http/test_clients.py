"""The address of a client behind proxies: only what a proxy of ours appended counts."""

import ipaddress

import pytest
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from service.api.http.clients import Clients, key_of

PROXIES = tuple(map(ipaddress.ip_network, ("10.0.0.0/8", "2001:db8:f::/48")))
XFF, RFC = "X-Forwarded-For", "Forwarded"


@pytest.mark.parametrize(
    ("peer", "headers", "client"),
    [
        ("198.51.100.1", [], "198.51.100.1"),
        ("198.51.100.1", [(XFF, "203.0.113.9")], "198.51.100.1"),
        ("198.51.100.1", [(RFC, "for=203.0.113.9")], "198.51.100.1"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", [(XFF, "203.0.113.9")], "203.0.113.9"),
        ("::ffff:10.0.0.1", [(XFF, "203.0.113.9")], "203.0.113.9"),
        ("10.0.0.1", [(XFF, "1.2.3.4, 203.0.113.9")], "203.0.113.9"),
        ("10.0.0.1", [(XFF, "1.2.3.4"), (XFF, "203.0.113.9")], "203.0.113.9"),
        ("10.0.0.1", [(XFF, "1.2.3.4, 203.0.113.9, 10.0.0.2")], "203.0.113.9"),
        ("10.0.0.1", [(XFF, "10.0.0.3,10.0.0.2")], "10.0.0.3"),
        ("10.0.0.1", [(XFF, "203.0.113.9:4711")], "203.0.113.9"),
        ("10.0.0.1", [(XFF, "2001:db8::1")], "2001:db8::1"),
        ("10.0.0.1", [(XFF, "[2001:db8::1]:4711")], "2001:db8::1"),
        ("10.0.0.1", [(XFF, "1.2.3.4, unknown")], "10.0.0.1"),
        ("10.0.0.1", [(XFF, "1.2.3.4, garbage, 10.0.0.2")], "10.0.0.2"),
        ("10.0.0.1", [(XFF, "")], "10.0.0.1"),
        ("10.0.0.1", [(XFF, "1.2.3.4,")], "10.0.0.1"),
        ("2001:db8:f::1", [(XFF, "203.0.113.9")], "203.0.113.9"),
        ("10.0.0.1", [(RFC, "for=203.0.113.9;proto=https;by=10.0.0.1")], "203.0.113.9"),
        ("10.0.0.1", [(RFC, 'proto=http; For="[2001:db8::1]:4711"')], "2001:db8::1"),
        ("10.0.0.1", [(RFC, "for=1.2.3.4, for=203.0.113.9, for=10.0.0.2")], "203.0.113.9"),
        ("10.0.0.1", [(RFC, 'for="1.2.3.4, for=203.0.113.9')], "203.0.113.9"),
        ("10.0.0.1", [(RFC, "for=1.2.3.4, for=_hidden")], "10.0.0.1"),
        ("10.0.0.1", [(RFC, "for=1.2.3.4, proto=https")], "10.0.0.1"),
        ("10.0.0.1", [(RFC, "for=1.2.3.4;for=203.0.113.9")], "10.0.0.1"),
        ("10.0.0.1", [(XFF, "203.0.113.9"), (RFC, "for=203.0.113.9")], "203.0.113.9"),
        ("10.0.0.1", [(XFF, "203.0.113.9"), (RFC, "for=1.2.3.4")], "10.0.0.1"),
    ],
)
def test_the_first_address_from_the_right_that_is_no_proxy_is_the_clients(
    peer: str, headers: list[tuple[str, str]], client: str
) -> None:
    found = Clients(PROXIES).address(peer, CIMultiDict(headers))
    assert found == ipaddress.ip_address(client)


def test_a_peer_without_an_address_is_nobody() -> None:
    headers = CIMultiDict({XFF: "203.0.113.9"})
    for peer in ("", None, "somewhere"):
        assert Clients(PROXIES).address(peer, headers) is None


def test_all_addresses_of_an_ipv6_prefix_are_one_client() -> None:
    one, two, other = map(
        ipaddress.ip_address, ("2001:db8::1", "2001:db8::ffff:1", "2001:db8:0:1::1")
    )
    assert key_of(one) == key_of(two) != key_of(other)
    near, next_to_it = map(ipaddress.ip_address, ("203.0.113.9", "203.0.113.10"))
    assert key_of(near) != key_of(next_to_it)


@pytest.mark.parametrize(
    ("peer", "headers", "secure"),
    [
        ("10.0.0.1", {"X-Forwarded-Proto": "https"}, True),
        ("10.0.0.1", {"X-Forwarded-Proto": "https, http"}, False),
        ("10.0.0.1", {"Forwarded": "for=1.2.3.4;proto=http, for=10.0.0.9;proto=https"}, True),
        ("10.0.0.1", {}, False),
        ("198.51.100.1", {"X-Forwarded-Proto": "https"}, False),
    ],
)
def test_only_a_proxy_of_ours_can_say_that_a_client_speaks_https(
    peer: str, headers: dict[str, str], *, secure: bool
) -> None:
    request = make_mocked_request("GET", "/", headers=headers).clone(remote=peer)
    assert Clients(PROXIES).over_tls(request) is secure
    assert Clients(PROXIES).over_tls(request.clone(scheme="https"))
