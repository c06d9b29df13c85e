"""Where a URI leads, judged without a network."""

from ipaddress import ip_network

import pytest
from yarl import URL

from service.domain.policy import EgressPolicy
from service.egress.addresses import Refusal
from service.egress.guard import EgressGuard


def full_width(text: str) -> str:
    return "".join(chr(ord(char) + 0xFEE0) for char in text)


STRICT = EgressGuard(EgressPolicy())


def rule(uri: str, guard: EgressGuard = STRICT) -> str | None:
    judged = guard.judged(uri)
    return judged.rule if isinstance(judged, Refusal) else None


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("hooks.example.net", None),
        ("hooks.example.net.", None),
        ("my_host.example.net", None),
        ("xn--fa-hia.de", None),
        ("faß.de", None),
        ("8.8.8.8", None),
        ("8.8.8.8.", "non_canonical"),
        ("127.1", "non_canonical"),
        ("0x7F.1", "non_canonical"),
        ("127.0.0.0x1", "non_canonical"),
        ("127.0.0.0x", "non_canonical"),
        ("hooks.example.1", "non_canonical"),
        ("010.0.0.1", "non_canonical"),
        ("localhost", "private_name"),
        ("LOCALHOST", "private_name"),
        ("localhost.", "private_name"),
        ("a.localhost", "private_name"),
        (full_width("localhost"), "private_name"),
        ("intranet", "private_name"),
        ("db.svc.cluster.local", "private_name"),
        ("metadata.google.internal", "private_name"),
        ("1.0.0.127.in-addr.arpa", "private_name"),
        ("notlocal.example", None),
        ("internal.example", None),
        ("-a.example", "malformed_name"),
        ("a-.example", "malformed_name"),
        ("a..example", "malformed_name"),
        (f"{64 * 'a'}.example", "malformed_name"),
        (".".join(100 * ["aa"]) + ".example", "malformed_name"),
    ],
)
def test_a_host_is_judged_as_it_would_be_looked_up(host: str, expected: str | None) -> None:
    try:
        assert rule(f"https://{host}/") == expected
    except ValueError:
        # The library for URIs refuses some of them by itself.
        assert expected == "malformed_name"


def test_an_operator_may_name_private_names() -> None:
    guard = EgressGuard(EgressPolicy(allow_names=("CRM.corp", ".internal", "receiver")))
    assert rule("https://crm.corp/", guard) is None
    assert rule("https://crm.corp./", guard) is None
    assert rule("https://a.crm.corp/", guard) == "private_name"
    assert rule("https://other.corp/", guard) == "private_name"
    assert rule("https://a.b.internal/", guard) is None
    assert rule("https://internal/", guard) == "private_name"
    assert rule("http://receiver:8080/", guard) is None


def test_an_allowed_name_opens_no_address() -> None:
    guard = EgressGuard(EgressPolicy(allow_names=(".internal",)))
    assert rule("https://metadata.google.internal/", guard) is None
    refusal = guard.address("169.254.169.254", 443)
    assert refusal is not None
    assert refusal.rule == "metadata"


def test_plain_http_and_ports_are_judged_by_policy() -> None:
    guard = EgressGuard(EgressPolicy(require_https=True, ports=(443, 8443)))
    assert rule("http://hooks.example.net/", guard) == "require_https"
    assert rule("https://hooks.example.net:8443/", guard) is None
    assert rule("https://hooks.example.net:9443/", guard) == "port"
    assert guard.address("8.8.8.8", 9443) == Refusal("port", "port 9443")


def test_an_account_may_refuse_plain_http_for_itself() -> None:
    guard = EgressGuard(EgressPolicy())
    assert guard.judged("http://hooks.example.net/", True) == Refusal("require_https", "http")
    assert guard.judged("HTTP://hooks.example.net/", True) == Refusal("require_https", "http")
    assert guard.judged("https://hooks.example.net/", True) == URL("https://hooks.example.net/")
    assert guard.judged("http://hooks.example.net/") == URL("http://hooks.example.net/")


@pytest.mark.parametrize(
    ("uri", "requested"),
    [
        (
            "HTTPS://Example.COM:8443/A/%2F?x=1&y=%2F#frag",
            "https://example.com:8443/A/%2F?x=1&y=%2F",
        ),
        ("https://example.com", "https://example.com/"),
        ("https://example.com:443?x=//a", "https://example.com/?x=//a"),
        ("http://example.com#@127.0.0.1/", "http://example.com/"),
        ("https://faß.de/a", "https://xn--fa-hia.de/a"),
        ("https://[2001:DB8:0::1]:8443/a/../b", "https://[2001:db8::1]:8443/a/../b"),
        ("https://example.com/é b?c=d e", "https://example.com/%C3%A9%20b?c=d+e"),
        ("https://example.com/é/a%2Fb%3Ac", "https://example.com/%C3%A9/a%2Fb%3Ac"),
        ("https://example.com/a%2fb c", "https://example.com/a%2fb%20c"),
        ("https://example.com/a?s=%2B%2F%41&n=é", "https://example.com/a?s=%2B%2F%41&n=%C3%A9"),
        ("https://example.com/100%/é+?a=1+1 2", "https://example.com/100%/%C3%A9+?a=1+1+2"),
        ("https://example.com/a/../é", "https://example.com/a/../%C3%A9"),
        ("https://bücher.example/é%2F", "https://xn--bcher-kva.example/%C3%A9%2F"),
        ("https://example.com?é%3A", "https://example.com/?%C3%A9%3A"),
        ("https://example.com/a%2F#é", "https://example.com/a%2F"),
    ],
)
def test_what_is_requested_is_what_was_written(uri: str, requested: str) -> None:
    guard = EgressGuard(EgressPolicy(allow=(ip_network("2001:db8::/32"),)))
    judged = guard.judged(uri)
    assert isinstance(judged, URL)
    assert str(judged) == requested


def test_half_a_character_cannot_be_requested() -> None:
    with pytest.raises(ValueError, match="unpaired surrogate"):
        STRICT.judged("https://example.com/\ud83d")
