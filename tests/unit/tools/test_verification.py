"""Verification: genuine requests, and the cause that is named where one is not."""

import base64
import gzip
import json
import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from service.dialects.known import dialects_of
from service.domain.webhook import Verb
from service.pipeline.request.build import EventContent, request_for
from service.pipeline.request.destination import owed_of
from service.pipeline.request.sign import public_key, signed_bytes
from service.settings.model import Settings
from service.tools.received import BYTES, Received, Unreadable, received, received_raw
from service.tools.schemes import BadSecret
from service.tools.verification import Verdict, verify
from tests.builders import make_delivery, make_webhook

DIALECTS = dialects_of(Settings())
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_" + base64.b64encode(b"o" * 24).decode()
KEY = base64.b64decode(SECRET.removeprefix("whsec_"))
NOW = 1_710_278_674.0
PAYLOAD = {
    "call_id": "c-1",
    "caller_id_name": "Zoë <Test>",
    "cost": 1.0,
    "to": "+1 555/2345678",
    "custom_channel_vars": {"b": "2", "a": "1"},
}
BODY = json.dumps(PAYLOAD, separators=(",", ":"), ensure_ascii=False).encode()


def signed(body: bytes = BODY, secret: str = SECRET, at: float = NOW) -> dict[str, str]:
    """Return the headers that a library of Standard Webhooks would send."""
    moment = datetime.fromtimestamp(at, tz=UTC)
    signature = Webhook(secret).sign("msg-1", moment, body.decode())
    return {
        "webhook-id": "msg-1",
        "webhook-timestamp": str(int(at)),
        "webhook-signature": signature,
    }


def verdict(
    headers: Mapping[str, str], body: bytes = BODY, secret: str = SECRET, **more: str
) -> Verdict:
    return verify(Received(headers, body, **more), secret, DIALECTS, NOW)


def cause(headers: Mapping[str, str], body: bytes = BODY, secret: str = SECRET) -> str:
    """Return the first cause of a request that must not be genuine."""
    found = verdict(headers, body, secret)
    assert not found.genuine
    return found.findings[0]


def test_a_request_as_it_was_sent_is_genuine() -> None:
    assert verdict(signed()) == Verdict(genuine=True, findings=["webhook-signature fits, 0 s old"])
    assert verdict(signed(), secret=f" {SECRET}\n").genuine


def test_one_of_several_signatures_is_enough() -> None:
    headers = signed()
    headers["webhook-signature"] = f"v1,AAAA {headers['webhook-signature']} v1a,BBBB"
    assert verdict(headers).genuine


def test_a_request_that_is_too_old_or_too_new_is_not_genuine_but_told_from_a_bad_signature() -> (
    None
):
    assert "too old: 3600 s" in cause(signed(at=NOW - 3600))
    assert "from the future: 301 s" in cause(signed(at=NOW + 301))
    assert verdict(signed(at=NOW - 299)).genuine
    assert verify(Received(signed(at=1), BODY), SECRET, DIALECTS, NOW, None).genuine


def test_a_wrong_secret_is_named_where_the_body_looks_untouched() -> None:
    assert cause(signed(), secret=OTHER).startswith("wrong secret: the body is still written")
    assert cause(signed(), b"a=1&b=2", OTHER).startswith("wrong secret, or a body that was changed")


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_missing_header_is_named(name: str) -> None:
    headers = signed()
    del headers[name]
    assert cause(headers).startswith(f"missing: {name}.")


def test_a_request_without_any_signature_is_said_to_have_none() -> None:
    assert cause({"content-type": "application/json"}).startswith("no signature")


def test_odd_headers_are_named() -> None:
    odd_time = {**signed(), "webhook-timestamp": "2024-03-12T21:24:34Z"}
    assert cause(odd_time) == "webhook-timestamp is not in unix seconds: '2024-03-12T21:24:34Z'"
    assert "neither v1, nor v1a," in cause({**signed(), "webhook-signature": "sha256=00"})


CHANGES = {
    "a line end was appended": BODY + b"\n",
    "blanks were added": b"  " + BODY,
    "compressed with gzip": gzip.compress(BODY),
    "compressed with deflate": zlib.compress(BODY),
    "byte order mark": b"\xef\xbb\xbf" + BODY,
    "UTF-8 was read as iso-8859-1": BODY.decode("iso-8859-1").encode(),
    "UTF-8 was converted to iso-8859-1": BODY.decode().encode("iso-8859-1"),
    "UTF-8 was converted to utf-16": BODY.decode().encode("utf-16"),
    "JSON was parsed and written again": json.dumps(PAYLOAD, indent=2).encode(),
    "JSON string": json.dumps(BODY.decode()).encode(),
    "base64": base64.b64encode(BODY),
    "is not unpacked yet, then the body was encoded in base64": base64.b64encode(
        gzip.compress(BODY)
    ),
}


@pytest.mark.parametrize("words", CHANGES)
def test_a_body_that_was_changed_on_its_way_is_told_how(words: str) -> None:
    said = cause(signed(), CHANGES[words])
    assert said.startswith("webhook-signature fits what was sent, but then ")
    assert words in said
    assert f"{len(BODY)} bytes were signed, {len(CHANGES[words])} are here" in said


def test_changed_line_ends_are_seen_both_ways() -> None:
    for sent, arrived, words in (
        (b"a\nb", b"a\r\nb", "line ends became CRLF"),
        (b"a\r\nb", b"a\nb", "CRLF became LF"),
    ):
        assert words in cause(signed(sent), arrived)


def test_a_form_that_was_written_again_is_seen() -> None:
    sent = b"name=Jane+Doe&vars%5Ba%5D=1&empty="
    assert "form or query" in cause(signed(sent), b"name=Jane%20Doe&vars[a]=1&empty=")


def test_a_body_that_was_cut_or_read_before_is_named() -> None:
    headers = signed() | {"content-length": str(len(BODY))}
    assert "it was cut" in cause(headers, BODY[:20])
    assert cause(headers, b"").startswith("there is no content")


def test_a_get_is_verified_by_the_query_that_was_appended() -> None:
    webhook = make_webhook(uri="https://example.com/?own=1&own=2", verb=Verb.GET, secret=KEY)
    dialect = DIALECTS.of(webhook.source)
    owed = owed_of(make_delivery(), webhook)
    request = request_for(owed, EventContent(dialect, dialect.requests.writer(PAYLOAD)), 1, NOW)
    headers = {name.lower(): value for name, value in request.headers.items()}
    for query in (request.query, f"own=1&own=2&{request.query}"):
        assert verdict(headers, b"", method="GET", query=query).genuine
    assert not verdict(headers, b"", method="GET", query=request.query[1:]).genuine


def test_a_public_key_verifies_the_signature_of_a_key_pair() -> None:
    seed = b"s" * 32
    private = Ed25519PrivateKey.from_private_bytes(seed)
    ours = base64.b64encode(private.sign(signed_bytes("msg-1", str(int(NOW)), BODY))).decode()
    headers = signed(secret=OTHER)
    headers["webhook-signature"] += f" v1a,{ours}"
    assert verdict(headers, secret=public_key(seed)).genuine
    assert not verdict(headers, secret=public_key(b"t" * 32)).genuine


def test_the_signature_of_voipbin_is_verified_and_its_changes_are_told() -> None:
    voipbin = DIALECTS.by_name["voipbin"]
    webhook = replace(make_webhook(), dialect_secret=b"any text")
    content = voipbin.requests.writer(PAYLOAD).content(webhook).content
    headers = {
        name.lower(): value for name, value in voipbin.requests.signatures(webhook, content).items()
    }
    found = verdict(headers, content, "any text")
    assert found == Verdict(genuine=True, findings=["X-VoIPBIN-Signature fits"])
    assert "parsed and written again" in cause(headers, json.dumps(PAYLOAD).encode(), "any text")
    assert not verdict(headers, content, "another").genuine


@pytest.mark.parametrize("secret", ["", "whsec_!", "whpk_AAAA"])
def test_a_secret_that_cannot_be_one_is_bad_input(secret: str) -> None:
    with pytest.raises(BadSecret):
        verdict(signed(), secret=secret)


RAW = b"POST /hook?x=1 HTTP/1.1\r\nHost: a\r\nWebhook-Id: 1\r\n\r\n{}\n"


def test_a_raw_request_is_read_as_it_stands() -> None:
    request = received_raw(RAW)
    assert request == Received({"host": "a", "webhook-id": "1"}, b"{}\n", "POST", "x=1")
    assert received_raw(RAW.replace(b"\r\n", b"\n")) == request


def test_chunks_are_put_together() -> None:
    raw = RAW.replace(b"Host: a", b"Transfer-Encoding: chunked").removesuffix(b"{}\n")
    assert received_raw(raw + b"1\r\n{\r\n1;x=y\r\n}\r\n0\r\n\r\n").body == b"{}"
    for cut in (b"", b"5\r\n{}", b"{}"):
        with pytest.raises(Unreadable):
            received_raw(raw + cut)


def test_header_lines_may_have_a_request_line_or_none() -> None:
    assert received(b"A: 1\na: 2\n\n", b"x") == Received({"a": "1, 2"}, b"x")
    assert received(b"GET /?a=1 HTTP/1.1\r\nB: 2", b"") == Received({"b": "2"}, b"", "GET", "a=1")


@given(st.binary(max_size=200), st.binary(max_size=60), st.sampled_from(["GET", "POST", ""]))
def test_any_bytes_are_judged(body: bytes, query: bytes, method: str) -> None:
    found = verify(Received(signed(), body, method, query.decode(BYTES)), SECRET, DIALECTS, NOW)
    assert not found.genuine
    assert found.findings


@given(st.binary(max_size=300))
def test_any_bytes_are_a_request_or_refused(raw: bytes) -> None:
    with suppress(Unreadable):
        verify(received_raw(raw), SECRET, DIALECTS, NOW)


@pytest.mark.parametrize("raw", [b"", b"{}", b"\0\xff", b"hello\n\nworld", b"GET / HTTP/1.1\nno"])
def test_what_is_no_http_is_bad_input(raw: bytes) -> None:
    with pytest.raises(Unreadable):
        received_raw(raw)
