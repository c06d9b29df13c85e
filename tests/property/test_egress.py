import socket
from collections.abc import Callable
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.domain.policy import EgressPolicy
from service.egress.addresses import METADATA, REFUSED_IPV4, REFUSED_IPV6, Refusal, judge
from service.egress.guard import EgressGuard

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


UNPACKED = (
    "mapped", "mapped in hex", "mapped in full", "compatible", "NAT64", "local NAT64", "6to4",
    "Teredo",
)  # fmt: skip


@pytest.mark.parametrize("disguise", DISGUISES)
@given(address=private_ipv4)
def test_a_private_address_is_refused_in_every_disguise(
    disguise: str, address: IPv4Address
) -> None:
    assert judge(STRICT, DISGUISES[disguise](address)) is not None


def full_width(text: str) -> str:
    return "".join(chr(ord(char) + 0xFEE0) for char in text)


def circled(text: str) -> str:
    return "".join(chr(0x2460 + int(char) - 1) if char in "123456789" else char for char in text)


def percent_encoded(text: str) -> str:
    return "".join(f"%{ord(char):02x}" for char in text)


RADIX: tuple[Callable[[int], str], ...] = (
    str, hex, "0{:o}".format, "0X{:X}".format, "{:03d}".format, "000{}".format, "0x{:08x}".format,
)  # fmt: skip
SCRIPTS: tuple[Callable[[str], str], ...] = (
    str, str.upper, full_width, circled, percent_encoded,
    lambda text: text.replace(".", "\u3002"),
    lambda text: text.replace(".", "\uff0e"),
    lambda text: text.replace(".", "\uff61"),
    lambda text: text.replace(".", "\u2024"),
    lambda text: f"{text}.",
    lambda text: f"{text}..",
    lambda text: f" {text}",
    lambda text: f"[{text}]",
    "\xad".join,
)  # fmt: skip
AUTHORITIES = (
    "{}", "{}:80", "{}:", "hooks.example.net@{}", "a:b@{}", "@{}", "hooks.example.net\\@{}",
    "{}\\@hooks.example.net", "{}\t", "{}%00.example.net", "{}%2f.example.net", "{}%25lo",
)  # fmt: skip


@st.composite
def numbers(draw: st.DrawFn) -> str:
    """Write a private IPv4 address as inet_aton reads it: one to four parts, each in any radix."""
    address = int(draw(private_ipv4))
    count = draw(st.integers(1, 4))
    parts = [address >> 24 & 0xFF, address >> 16 & 0xFF, address >> 8 & 0xFF][: count - 1]
    parts.append(address & (1 << 8 * (5 - count)) - 1)
    text = ".".join(draw(st.sampled_from(RADIX))(part) for part in parts)
    return draw(st.sampled_from(SCRIPTS))(text)


@st.composite
def embeddings(draw: st.DrawFn) -> str:
    text = DISGUISES[draw(st.sampled_from([*DISGUISES]))](draw(private_ipv4))
    zone = draw(st.sampled_from(["", "", "%lo", "%25lo", "%251"]))
    return f"[{text}{zone}]" if ":" in text else text


def refused(guard: EgressGuard, uri: str) -> bool:
    try:
        return isinstance(guard.judged(uri), Refusal)
    except ValueError:
        return True


@given(
    st.sampled_from(["http", "https", "HTTP", "hTTps"]),
    st.sampled_from(AUTHORITIES),
    numbers() | embeddings(),
    st.sampled_from(["", "/", "/a", "?b", "#c", "/?u=@hooks.example.net", "#@hooks.example.net"]),
)
@settings(max_examples=500)
def test_no_disguise_in_a_uri_leads_to_a_private_address(
    scheme: str, authority: str, host: str, rest: str
) -> None:
    assert refused(EgressGuard(STRICT), f"{scheme}://{authority.format(host)}{rest}")


odd_hosts = st.text("0123456789abcdefx.:[]%@-_ \\/?#\u3002\uff0e\uff11\u2460\xad\t", max_size=30)


@given(odd_hosts | numbers() | st.text(max_size=30) | st.ip_addresses().map(str))
@settings(max_examples=500)
def test_what_is_let_through_is_public_or_a_name_in_the_eyes_of_the_system(host: str) -> None:
    try:
        judged = EgressGuard(STRICT).judged(f"http://{host}/")
    except ValueError:
        return
    if isinstance(judged, Refusal):
        return
    dialled = judged.raw_host or ""
    try:
        [found, *_] = socket.getaddrinfo(dialled, 80, flags=socket.AI_NUMERICHOST)
    except (socket.gaierror, UnicodeError):
        assert "." in dialled, "a name, and no private one"
        assert not set(dialled) & set(":%@[]/\\ ")
    else:
        assert judge(STRICT, str(found[4][0])) is None
        assert found[4][0] == str(ip_address(dialled)), "no other spelling"


@given(st.sampled_from(METADATA).flatmap(within))
def test_credentials_are_refused_whatever_is_allowed(address: IPv4Address | IPv6Address) -> None:
    texts = [str(address)]
    if isinstance(address, IPv4Address):
        texts += [disguise(address) for name, disguise in DISGUISES.items() if name in UNPACKED]
    for text in texts:
        refusal = judge(EVERYTHING, text)
        assert refusal is not None
        assert refusal.rule == "metadata"


@given(any_ipv4)
def test_an_ipv4_address_is_refused_exactly_inside_the_tables(address: IPv4Address) -> None:
    inside = any(address in network for network in REFUSED_IPV4)
    refused = judge(STRICT, str(address)) is not None
    assert refused == inside


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
