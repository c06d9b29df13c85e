import time
from base64 import b64decode

import pytest
from multidict import MultiDict

from service.console.addresses import url_of
from service.console.curl import curl_of
from service.console.guarding import cookie_line, csrf_fits, csrf_of, page_headers
from service.console.pages.entry import _next
from service.console.pages.letters import order_of
from service.console.snippets import PLACE, snippets
from service.pipeline.request.sign import signature, signed_bytes

PORTAL = ("https://portal.example.net",)


def test_a_session_cookie_goes_to_our_own_pages_alone() -> None:
    line = cookie_line("c", "v", 60, secure=True, framed=False)
    assert line == "c=v; Path=/console; Max-Age=60; HttpOnly; SameSite=Strict; Secure"
    assert "Secure" not in cookie_line("c", "v", 60, secure=False, framed=True)


def test_a_cookie_inside_of_a_frame_is_bound_to_the_site_around_it() -> None:
    line = cookie_line("c", "v", 60, secure=True, framed=True)
    assert line.endswith("HttpOnly; SameSite=None; Secure; Partitioned")


def test_a_form_fits_its_own_session_alone() -> None:
    assert csrf_fits(csrf_of("one"), "one")
    assert not csrf_fits(csrf_of("one"), "two")
    assert not csrf_fits("", "one")
    assert not csrf_fits("\N{SNOWMAN}", "one")


@pytest.mark.parametrize(
    ("ancestors", "portal", "framed_by"),
    [((), True, "'none'"), (PORTAL, False, "'none'"), (PORTAL, True, PORTAL[0])],
)
def test_only_a_portals_pages_may_be_framed_and_only_where_the_operator_allows(
    ancestors: tuple[str, ...], portal: bool, framed_by: str
) -> None:
    headers = page_headers(ancestors, portal=portal)
    policy = headers["Content-Security-Policy"]
    assert policy.endswith(f"frame-ancestors {framed_by}")
    assert "unsafe" not in policy
    assert policy.startswith("default-src 'none'; script-src 'self'")
    assert ("X-Frame-Options" in headers) == (framed_by == "'none'")


@pytest.mark.parametrize(
    ("wanted", "allowed"),
    [("/console/accounts/a/webhooks?q=1", True), ("//evil.example/", False),
     ("https://evil.example/console/", False), ("/console/../v2", True),
     ("/console/\\evil", False), ("/console//evil.example", False), ("/console/\r\nX: 1", False),
     ("/other", False)],
)  # fmt: skip
def test_a_sign_in_leads_on_to_our_own_pages_alone(wanted: str, *, allowed: bool) -> None:
    assert _next(wanted) == (wanted if allowed else "")


def test_ids_are_no_paths() -> None:
    assert (
        url_of("accounts", "a/../b", call_id="x&y=1")
        == "/console/accounts/a%2F..%2Fb?call_id=x%26y%3D1"
    )


def test_a_curl_command_quotes_what_a_receiver_or_an_account_wrote() -> None:
    attempt = {
        "method": "POST", "uri": "http://a.example/';rm -rf /;'", "req_body": "a'b",
        "req_headers": {"Content-Type": "x'y", "webhook-signature": "(hidden)"},
    }  # fmt: skip
    command = curl_of(attempt) or ""
    assert "signature" not in command
    assert "'Content-Type: x'\"'\"'y'" in command
    assert "--data-raw 'a'\"'\"'b'" in command
    assert command.endswith("'http://a.example/'\"'\"';rm -rf /;'\"'\"''")
    assert curl_of({"uri": "http://a.example/"}) is None


def test_a_curl_command_for_get_has_the_query_that_was_sent() -> None:
    attempt = {"method": "GET", "uri": "http://a.example/", "req_body": "a=1"}
    assert (curl_of(attempt) or "").endswith("'http://a.example/?a=1'")


def test_there_are_snippets_in_five_languages_with_the_secret_filled_in() -> None:
    filled = snippets("whsec_c2VjcmV0")
    assert len(filled) == 5
    assert all("whsec_c2VjcmV0" in one.text and PLACE not in one.text for one in filled)
    assert all(PLACE in one.text for one in snippets(None))


def test_the_snippet_for_python_knows_a_genuine_request() -> None:
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    names: dict[str, object] = {}
    exec(snippets(secret)[0].text, names)  # noqa: S102 (our own text, as a reader would run it)
    sent_at = str(int(time.time()))
    signed = signed_bytes("id", sent_at, b"body")
    made = signature(b64decode(secret.removeprefix("whsec_")), signed)
    headers = {
        "webhook-id": "id",
        "webhook-timestamp": sent_at,
        "webhook-signature": f"v1,x {made}",
    }
    is_genuine = names["is_genuine"]
    assert callable(is_genuine)
    assert is_genuine(headers, b"body")
    assert not is_genuine(headers, b"bodies")
    assert not is_genuine({**headers, "webhook-timestamp": "1"}, b"body")


def test_an_order_concerns_what_was_picked_or_all_that_the_filters_match() -> None:
    picked = MultiDict([("scope", "picked"), ("id", "a"), ("id", "b"), ("reason", "gone")])
    assert order_of(picked) == {"ids": ["a", "b"]}
    every = MultiDict([("scope", "all"), ("id", "a"), ("reason", "gone"), ("from", "2026-01-01")])
    assert order_of(every) == {"filter": {"reason": "gone", "created_from": "2026-01-01"}}
    assert order_of(MultiDict([("scope", "picked")])) is None
