from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.adapters.egress import METADATA, REFUSED_IPV4, REFUSED_IPV6, judge
from service.domain.policy import EgressPolicy

STRICT = EgressPolicy()
EVERYTHING = EgressPolicy(allow=(ip_network("0.0.0.0/0"), ip_network("::/0")))


def within(network: IPv4Network | IPv6Network) -> st.SearchStrategy[IPv4Address | IPv6Address]:
    return st.integers(0, network.num_addresses - 1).map(lambda offset: network[offset])


private_ipv4 = st.sampled_from(REFUSED_IPV4).flatmap(within).map(str).map(IPv4Address)
any_ipv4 = st.integers(0, 2**32 - 1).map(IPv4Address)
any_ipv6 = st.integers(0, 2**128 - 1).map(IPv6Address)

DISGUISES: dict[str, Callable[[IPv4Address], str]] = {
    "plain": str,
    "mapped": lambda a: f"::ffff:{a}",
    "mapped in hex": lambda a: str(IPv6Address(0xFFFF_0000_0000 + int(a))),
    "mapped in full": lambda a: IPv6Address(0xFFFF_0000_0000 + int(a)).exploded,
    "mapped, upper case": lambda a: str(IPv6Address(0xFFFF_0000_0000 + int(a))).upper(),
    "compatible": lambda a: f"::{a}",
    "translated": lambda a: f"::ffff:0:{a}",
    "NAT64": lambda a: f"64:ff9b::{a}",
    "local NAT64": lambda a: f"64:ff9b:1::{a}",
    "6to4": lambda a: str(IPv6Address((0x2002 << 112) + (int(a) << 80) + 1)),
    "Teredo": lambda a: str(IPv6Address((0x2001_0000 << 96) + (int(a) ^ 0xFFFF_FFFF))),
    "link-local": lambda a: f"fe80::5efe:{a}",
}


@pytest.mark.parametrize("disguise", DISGUISES)
@given(address=private_ipv4)
def test_a_private_address_is_refused_in_every_disguise(
    disguise: str, address: IPv4Address
) -> None:
    assert judge(STRICT, DISGUISES[disguise](address)) is not None


@given(st.sampled_from(METADATA).flatmap(within))
def test_credentials_are_refused_whatever_is_allowed(address: IPv4Address | IPv6Address) -> None:
    texts = [str(address)]
    if isinstance(address, IPv4Address):
        texts += [DISGUISES["mapped"](address), DISGUISES["mapped in full"](address)]
    for text in texts:
        refusal = judge(EVERYTHING, text)
        assert refusal is not None
        assert refusal.rule == "metadata"


@given(any_ipv4)
def test_an_ipv4_address_is_refused_exactly_inside_the_tables(address: IPv4Address) -> None:
    inside = any(address in network for network in REFUSED_IPV4)
    refused = judge(STRICT, str(address)) is not None
    assert refused == inside
    # Python's own opinion is stricter nowhere that it matters; ours must cover it.
    assert refused or address.is_global


@given(any_ipv6)
def test_an_ipv6_address_is_dialled_only_in_the_routed_space(address: IPv6Address) -> None:
    if judge(STRICT, str(address)) is None:
        assert address in IPv6Network("2000::/3")
        assert not any(address in network for network in REFUSED_IPV6)


@given(st.text(max_size=40) | st.from_regex(r"[0-9a-fx:.%\[\]]{1,40}", fullmatch=True))
def test_any_text_is_judged_and_only_an_address_is_dialled(text: str) -> None:
    if judge(EVERYTHING, text) is None:
        assert set(text) <= set("0123456789abcdefABCDEF:.")
        assert "." in text or ":" in text
