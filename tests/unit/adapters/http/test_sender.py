"""The parts of the sender that need no network."""

import errno
import ssl
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import aiohttp
import pytest
from yarl import URL

from service.adapters.http.dialling import EgressRefused
from service.adapters.http.exchange import Destination
from service.adapters.http.failures import failure, forget_frames, printable
from service.adapters.http.sender import retry_after_s
from service.domain.delivery import Outcome, Request
from service.domain.errors import NothingSent
from service.egress.addresses import Refusal
from service.egress.rules import in_words

NOTHING_PACKED = "Accept-Encoding: identity\r\n"
PARTS = ("verb", "query", "name", "value")


@pytest.mark.parametrize(
    ("uri", "query", "target"),
    [
        ("https://h.example/a", "", "/a"),
        ("https://h.example/a", "b=c", "/a?b=c"),
        ("https://h.example", "b=c", "/?b=c"),
        ("https://h.example/a?token=x", "b=c", "/a?token=x&b=c"),
        ("https://h.example/a?", "b=c", "/a?b=c"),
        ("https://h.example/a?x=1#top", "b=c", "/a?x=1&b=c"),
        ("https://h.example/a", "o%5Bk%5D=a+b%2B&u=%C3%A9", "/a?o%5Bk%5D=a+b%2B&u=%C3%A9"),
    ],
)
def test_a_query_is_appended_as_it_is(uri: str, query: str, target: str) -> None:
    head = Destination(URL(uri)).head(Request("GET", uri, query, {}, None))
    assert head == f"GET {target} HTTP/1.1\r\nHost: h.example\r\n{NOTHING_PACKED}\r\n".encode()


@pytest.mark.parametrize("break_", ["\r", "\n", "\r\n", "\r\nX: y", "\0"])
@pytest.mark.parametrize("place", ["name", "value", "verb", "query"])
def test_no_line_break_gets_into_a_request(break_: str, place: str) -> None:
    parts = {part: f"a{break_}b" if part == place else "a" for part in PARTS}
    headers = {parts["name"]: parts["value"]}
    request = Request(parts["verb"], "https://h.example/", parts["query"], headers, b"{}")
    with pytest.raises(ValueError, match="line break"):
        Destination(URL(request.uri)).head(request)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("0", 0.0),
        ("120", 120.0),
        ("1.5", 1.5),
        ("-1", None),
        ("inf", None),
        ("nan", None),
        ("1e400", None),
        ("", None),
        ("soon", None),
        ("5, 6", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", None),
        ("Wed, 99 Oct 2015 07:28:00 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_nothing(value: str | None, seconds: float | None) -> None:
    assert retry_after_s(value) == seconds


@pytest.mark.parametrize("usegmt", [True, False])
def test_retry_after_may_be_a_date(usegmt: bool) -> None:
    date = datetime.now(UTC) + timedelta(seconds=100)
    seconds = retry_after_s(format_datetime(date, usegmt=usegmt))
    assert seconds is not None
    assert 95 < seconds <= 100


@pytest.mark.parametrize(
    ("error", "outcome", "detail"),
    [
        (EgressRefused(Refusal("metadata", "169.254.169.254")), Outcome.EGRESS_REFUSED,
         f"egress refused by {in_words('metadata')}"),
        (TimeoutError(), Outcome.TIMED_OUT, None),
        (aiohttp.ServerTimeoutError(), Outcome.TIMED_OUT, None),
        (aiohttp.ConnectionTimeoutError(), Outcome.CONNECT_TIMED_OUT, None),
        (ConnectionRefusedError(111, "refused"), Outcome.REFUSED, "[Errno 111] refused"),
        (ConnectionResetError(104, "reset"), Outcome.RESET, "[Errno 104] reset"),
        (BrokenPipeError(32, "broken"), Outcome.RESET, "[Errno 32] broken"),
        (aiohttp.ClientConnectionResetError("closing"), Outcome.RESET, "closing"),
        (aiohttp.ServerDisconnectedError(), Outcome.RESET, "Server disconnected"),
        (ssl.SSLError(1, "handshake"), Outcome.TLS_FAILED, "handshake_failed"),
        (aiohttp.ClientPayloadError("cut"), Outcome.BAD_RESPONSE, "cut"),
        (ValueError("Newline in header"), Outcome.INVALID_REQUEST, "Newline in header"),
        (OSError(113, "no route"), Outcome.UNREACHABLE, "[Errno 113] no route"),
        (OSError("x" * 500), Outcome.UNREACHABLE, "x" * 200),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_every_error_has_its_outcome(
    error: Exception, outcome: Outcome, detail: str | None
) -> None:
    response = failure(error)
    assert response.outcome is outcome
    assert response.status is None
    assert response.detail == detail


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.EADDRNOTAVAIL])
def test_no_receiver_is_to_blame_for_what_our_own_machine_lacks(number: int) -> None:
    with pytest.raises(NothingSent, match=str(number)):
        failure(OSError(number, "too many"))


def test_no_detail_holds_the_query_of_the_uri() -> None:
    # Details are logged and stored, and the query of a URI often is a password.
    response = failure(aiohttp.InvalidURL("https://h.example/?token=hush"))
    assert response.outcome is Outcome.INVALID_REQUEST
    assert "hush" not in str(response.detail)


def test_what_a_receiver_says_can_be_stored_whatever_its_bytes() -> None:
    # aiohttp hands bytes that are no UTF-8 over as lone surrogates, which BSON cannot write.
    response = failure(aiohttp.ClientPayloadError("no: \udcff"))
    assert response.detail == "no: \\udcff"
    assert printable("\udcfe") == "\\udcfe"


def raised(error: Exception) -> Exception:
    with pytest.raises(type(error)) as caught:
        raise error
    return caught.value


def test_errors_that_cause_each_other_are_all_detached_from_their_frames() -> None:
    first, second = raised(OSError("first")), raised(OSError("second"))
    first.__cause__, second.__context__ = second, first
    forget_frames(first)
    assert (first.__traceback__, second.__traceback__) == (None, None)
