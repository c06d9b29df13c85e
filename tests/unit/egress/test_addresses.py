from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest

from service.domain.policy import EgressPolicy, Network
from service.egress.addresses import (
    METADATA,
    REFUSED_IPV4,
    REFUSED_IPV6,
    Refusal,
    judge,
    judge_port,
)

STRICT = EgressPolicy()
EVERYTHING = EgressPolicy(allow=(ip_network("0.0.0.0/0"), ip_network("::/0")))


def rule(text: str, policy: EgressPolicy = STRICT) -> str | None:
    refusal = judge(policy, text)
    assert refusal is None or refusal.address == text
    return refusal.rule if refusal else None


def allowing(*networks: str) -> EgressPolicy:
    return EgressPolicy(allow=tuple(map(ip_network, networks)))


@pytest.mark.parametrize("network", [*REFUSED_IPV4, *REFUSED_IPV6], ids=str)
def test_a_block_is_refused_from_its_first_to_its_last_address(network: Network) -> None:
    assert rule(str(network[0])) in ("not_public", "metadata")
    assert rule(str(network[-1])) in ("not_public", "metadata")


NEIGHBOURS = [
    ("1.0.0.0", "0.0.0.0/8 ends before"),
    ("9.255.255.255", "10/8 begins after"),
    ("11.0.0.0", "10/8 ends before"),
    ("100.63.255.255", "100.64/10 begins after"),
    ("100.128.0.0", "100.64/10 ends before"),
    ("126.255.255.255", "127/8 begins after"),
    ("128.0.0.0", "127/8 ends before"),
    ("169.253.255.255", "169.254/16 begins after"),
    ("169.255.0.0", "169.254/16 ends before"),
    ("172.15.255.255", "172.16/12 begins after"),
    ("172.32.0.0", "172.16/12 ends before"),
    ("191.255.255.255", "192.0.0/24 begins after"),
    ("192.0.1.0", "192.0.0/24 ends before"),
    ("192.0.1.255", "192.0.2/24 begins after"),
    ("192.0.3.0", "192.0.2/24 ends before"),
    ("192.31.195.255", "192.31.196/24 begins after"),
    ("192.31.197.0", "192.31.196/24 ends before"),
    ("192.52.192.255", "192.52.193/24 begins after"),
    ("192.52.194.0", "192.52.193/24 ends before"),
    ("192.88.98.255", "192.88.99/24 begins after"),
    ("192.88.100.0", "192.88.99/24 ends before"),
    ("192.167.255.255", "192.168/16 begins after"),
    ("192.169.0.0", "192.168/16 ends before"),
    ("192.175.47.255", "192.175.48/24 begins after"),
    ("192.175.49.0", "192.175.48/24 ends before"),
    ("198.17.255.255", "198.18/15 begins after"),
    ("198.20.0.0", "198.18/15 ends before"),
    ("198.51.99.255", "198.51.100/24 begins after"),
    ("198.51.101.0", "198.51.100/24 ends before"),
    ("203.0.112.255", "203.0.113/24 begins after"),
    ("203.0.114.0", "203.0.113/24 ends before"),
    ("223.255.255.255", "224/4 begins after"),
    ("168.63.129.15", "Azure's agent comes after"),
    ("168.63.129.17", "Azure's agent came before"),
    ("2000::", "2000::/3 begins"),
    ("2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2001::/23 begins after"),
    ("2001:200::", "2001::/23 ends before"),
    ("2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db8::/32 begins after"),
    ("2001:db9::", "2001:db8::/32 ends before"),
    ("2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2002::/16 begins after"),
    ("2003::", "2002::/16 ends before"),
    ("2620:4f:7fff:ffff:ffff:ffff:ffff:ffff", "2620:4f:8000::/48 begins after"),
    ("2620:4f:8001::", "2620:4f:8000::/48 ends before"),
    ("3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "3fff::/20 begins after"),
    ("3fff:1000::", "3fff::/20 ends before"),
    ("3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2000::/3 ends"),
    ("8.8.8.8", "a public server"),
    ("2606:4700:4700::1111", "a public server"),
]


@pytest.mark.parametrize(("text", "why"), NEIGHBOURS)
def test_the_public_addresses_around_the_blocks_may_be_dialled(text: str, why: str) -> None:
    assert rule(text) is None, why


def test_every_neighbour_of_a_block_has_been_looked_at() -> None:
    blocks: list[Network] = [*REFUSED_IPV4, *REFUSED_IPV6]
    checked = {ip_address(text) for text, _ in NEIGHBOURS}
    around = {neighbour for block in blocks for neighbour in neighbours(block)}
    inside = {address for address in around if any(address in block for block in blocks)}
    assert around - inside <= checked


def neighbours(block: Network) -> list[IPv4Address | IPv6Address]:
    first, last = block[0], block[-1]
    before = [] if int(first) == 0 else [first - 1]
    after = [] if str(last) == "255.255.255.255" else [last + 1]
    return [*before, *after]


@pytest.mark.parametrize(
    "text",
    [
        "::", "::1", "::127.0.0.1", "::8.8.8.8", "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "4000::", "64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b:1::1", "100::1", "5f00::1",
        "fc00::1", "fd12:3456::1", "fec0::1", "ff02::1", "ff0e::1", "2002:7f00:1::",
        "2001:0:4136:e378::1",
    ],
)  # fmt: skip
def test_ipv6_outside_the_routed_space_is_refused(text: str) -> None:
    assert rule(text) == "not_public"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("::ffff:10.0.0.1", "not_public"),
        ("::ffff:7f00:1", "not_public"),
        ("::ffff:169.254.169.254", "metadata"),
        ("::ffff:8.8.8.8", "ipv4_mapped"),
        ("0:0:0:0:0:ffff:127.0.0.1", "not_public"),
    ],
)
def test_a_mapped_address_is_refused_whatever_it_is_mapped_to(text: str, expected: str) -> None:
    assert rule(text) == expected


@pytest.mark.parametrize("text", ["fe80::1%eth0", "2606:4700:4700::1111%1", "::ffff:8.8.8.8%x"])
def test_an_address_with_a_zone_is_refused(text: str) -> None:
    assert rule(text, EVERYTHING) == "zone"


@pytest.mark.parametrize(
    "text",
    ["", "localhost", "hooks.example.net", "127.1", "0177.0.0.1", "0x7f.1", "2130706433",
     "127.0.0.1 ", "[::1]", "8.8.8.8/32", "\uff11\uff12\uff17.0.0.1", "8.8.8.8\x00"],
)  # fmt: skip
def test_what_cannot_be_parsed_is_refused(text: str) -> None:
    assert judge(EVERYTHING, text) == Refusal("unparseable", text)


@pytest.mark.parametrize("network", METADATA, ids=str)
def test_no_allow_list_opens_the_services_that_hand_out_credentials(network: Network) -> None:
    for address in (network[0], network[-1]):
        assert rule(str(address), EVERYTHING) == "metadata"
        assert rule(str(address), allowing(f"{address}")) == "metadata"


def test_the_well_known_address_of_credentials_is_refused() -> None:
    assert rule("169.254.169.254") == "metadata"
    assert rule("fd00:ec2::254") == "metadata"


@pytest.mark.parametrize(
    "text",
    [
        "64:ff9b::169.254.169.254",
        "2002:a9fe:a9fe::1",
        "64:ff9b:1::169.254.169.254",
        "2001:0:4136:e378:8000:63bf:5601:5601",
        "::169.254.169.254",
    ],
)
def test_no_allow_list_opens_a_detour_to_credentials(text: str) -> None:
    # NAT64, 6to4 and Teredo routers unpack the IPv4 address inside.
    assert rule(text, EVERYTHING) == "metadata"


def test_an_allow_list_does_not_open_another_spelling() -> None:
    assert rule("::ffff:10.1.2.3", allowing("10.1.2.0/24")) == "ipv4_mapped"
    assert rule("::ffff:10.1.2.3", EVERYTHING) == "ipv4_mapped"


@pytest.mark.parametrize("text", ["0.0.0.1", "127.0.0.1", "127.255.255.255", "::", "::1"])
def test_a_wide_exception_does_not_open_this_very_machine(text: str) -> None:
    assert rule(text, EVERYTHING) == "not_public"
    assert rule(text, allowing("126.0.0.0/7", "::/8")) == "not_public"
    assert rule(text, allowing(text)) is None


def test_a_narrow_exception_opens_loopback() -> None:
    assert rule("127.9.9.9", allowing("127.0.0.0/8")) is None
    assert rule("127.0.0.1", allowing("0.0.0.0/0", "127.0.0.1/32")) is None
    assert rule("127.0.0.2", allowing("0.0.0.0/0", "127.0.0.1/32")) == "not_public"


def test_ports_are_judged_by_policy() -> None:
    def ports(policy: EgressPolicy, *judged: int) -> list[bool]:
        return [judge_port(policy, port) is None for port in judged]

    assert ports(STRICT, 80, 443, 8443, 65_535) == [True] * 4
    assert ports(STRICT, 0, 22, 25, 2375, 5672, 6379, 11_211, 15_672, 27_017) == [False] * 9
    assert ports(EgressPolicy(deny_ports=()), 0, 22, 25) == [False, True, True]
    assert ports(EgressPolicy(ports=(443, 25)), 443, 80, 25) == [True, False, False]


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("10.1.2.3", True),
        ("10.1.3.1", False),
        ("fd12::1", True),
        ("fd13::1", False),
        ("8.8.8.8", True),
    ],
)
def test_an_exception_opens_exactly_its_network(text: str, allowed: bool) -> None:
    policy = allowing("10.1.2.0/24", "fd12::/16")
    assert rule(text, policy) == (None if allowed else "not_public")


def test_what_is_denied_is_refused_even_where_it_is_allowed() -> None:
    policy = EgressPolicy(
        allow=(ip_network("10.0.0.0/8"),),
        deny=(ip_network("10.9.0.0/16"), ip_network("8.8.8.8/32"), ip_network("2606::/16")),
    )
    assert rule("10.8.0.1", policy) is None
    assert rule("10.9.0.1", policy) == "denied"
    assert rule("8.8.8.8", policy) == "denied"
    assert rule("8.8.4.4", policy) is None
    assert rule("::ffff:8.8.8.8", policy) == "denied"
    assert rule("2606::1", policy) == "denied"


def test_metadata_is_named_before_the_deny_list() -> None:
    assert rule("169.254.169.254", EgressPolicy(deny=(ip_network("0.0.0.0/0"),))) == "metadata"
