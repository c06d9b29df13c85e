"""Answers, whole and cut at every byte: what is read must not depend on the packets."""

import time

import pytest
from aiohttp.http_exceptions import BadStatusLine

from service.adapters.http.answer import AnswerReader

MOST_HEAD, MOST_BODY = 4096, 1000
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"


def reading(*parts: bytes, ended: bool = False) -> AnswerReader:
    reader = AnswerReader(MOST_HEAD, MOST_BODY)
    for part in parts:
        reader.feed(part)
    if ended:
        reader.end()
    return reader


def cuts(whole: bytes) -> list[tuple[bytes, ...]]:
    """Return an answer in two parts, cut at every byte, and byte by byte."""
    halves = [(whole[:at], whole[at:]) for at in range(1, len(whole))]
    return [(whole,), *halves, tuple(whole[at : at + 1] for at in range(len(whole)))]


CLEAN = {
    "no content": (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
    "length": (OK + b"Content-Length: 2\r\n\r\nhi", 200, b"hi"),
    "no reason": (b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", 200, b""),
    "chunked": (OK + CHUNKED + b"\r\n2\r\nhi\r\n4;x=y\r\n you\r\n0\r\n\r\n", 200, b"hi you"),
    "trailers": (OK + CHUNKED + b"\r\n1\r\na\r\n0\r\nX: y\r\n\r\n", 200, b"a"),
    "promises": (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: x\r\n\r\n"
                 b"HTTP/1.1 500 Oh\r\nContent-Length: 1\r\n\r\nx", 500, b"x"),
    "bare line feeds": (b"HTTP/1.1 200 OK\nContent-Length: 1\n\nx", 200, b"x"),
    "no content, length 0": (b"HTTP/1.1 204 No\r\nContent-Length: 0\r\n\r\n", 204, b""),
}  # fmt: skip


@pytest.mark.parametrize("name", CLEAN)
def test_a_clean_answer_is_complete_and_its_connection_can_be_used_again(name: str) -> None:
    whole, status, body = CLEAN[name]
    for parts in cuts(whole):
        reader = reading(*parts)
        assert (reader.status, reader.body, reader.complete, reader.odd) == (
            status, body, True, False,
        ), parts  # fmt: skip


ODD = {
    "long header": OK + b"X: " + b"x" * MOST_HEAD + b"\r\n\r\n",
    "204 with a length": b"HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n",
    "204 with a body": b"HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\nhello",
    "204 chunked": b"HTTP/1.1 204 No\r\n" + CHUNKED + b"\r\n",
    "bytes too many": OK + b"Content-Length: 2\r\n\r\nhi there",
    "bad chunk": OK + CHUNKED + b"\r\nZZ\r\nhi\r\n",
    "chunk without its end": OK + CHUNKED + b"\r\n2\r\nhiX\r\n",
    "huge chunk": OK + CHUNKED + b"\r\nfffffffffffffffff\r\n",
    "the same length twice": OK + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nhi",
    "two lengths": OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nhi",
    "list of lengths": OK + b"Content-Length: 2, 2\r\n\r\nhi",
    "negative length": OK + b"Content-Length: -1\r\n\r\nhi",
    "huge length": OK + b"Content-Length: 99999999999999999999\r\n\r\nhi",
    "identity": OK + b"Transfer-Encoding: identity\r\nContent-Length: 2\r\n\r\nhi",
    "line without a colon": OK + b"nonsense\r\nContent-Length: 2\r\n\r\nhi",
    "129 headers": OK + b"".join(b"X%d: y\r\n" % n for n in range(129)) + b"\r\n",
    "close": OK + b"Connection: close\r\nContent-Length: 2\r\n\r\nhi",
    "HTTP/1.0": b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi",
    "no length": OK + b"\r\nhi",
    "length and chunked": OK + CHUNKED + b"Content-Length: 2\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
    "another answer behind": OK + b"Content-Length: 0\r\n\r\n" + OK + b"Content-Length: 0\r\n\r\n",
    "cut in the headers": OK + b"Content-Le",
    "cut in the body": OK + b"Content-Length: 20\r\n\r\nhi",
    "cut in a chunk": OK + CHUNKED + b"\r\n20\r\nhi",
    "binary header": OK + b"X: \xff\xfe\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi",
    "endless body": OK + b"\r\n" + b"x" * 3000,
}  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_a_status_line_of_success_counts_whatever_follows_it(name: str) -> None:
    whole = ODD[name]
    for parts in cuts(whole):
        reader = reading(*parts, ended=True)
        assert 200 <= reader.status < 300, parts
        assert reader.complete, parts
        assert reader.odd, parts
        assert reader.headers() is not None
        assert len(reader.body) <= MOST_BODY


@pytest.mark.parametrize(
    "noise",
    [
        b"garbage\r\n\r\n",
        b"<html>of HTTP/0.9</html>",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"\r\nHTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 " + b"O" * 10_000,
    ],
)
def test_what_is_no_answer_raises_however_it_is_cut(noise: bytes) -> None:
    for parts in cuts(noise) if len(noise) < 100 else [(noise,)]:
        with pytest.raises(BadStatusLine):
            reading(*parts)


def test_nothing_is_an_answer_before_its_status_line_has_come() -> None:
    for at in range(len(OK)):
        reader = reading(OK[:at], ended=True)
        assert not reader.complete
        assert reader.status == 0


def test_of_a_long_body_the_start_is_kept() -> None:
    for cut in (1, 999, 1000, 1001, 2000):
        whole = OK + b"Content-Length: 2000\r\n\r\n" + b"x" * 2000
        reader = reading(whole[:cut], whole[cut:])
        assert reader.complete
        assert reader.body == b"x" * MOST_BODY


def test_promises_without_end_are_no_answer() -> None:
    promises = [b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"] * MOST_HEAD
    for parts in (promises, [b"".join(promises)]):
        with pytest.raises(BadStatusLine):
            reading(*parts)


def test_headers_come_as_they_were_sent() -> None:
    reader = reading(OK + b"X-One:  a \r\nnonsense\r\nx-two: b:c\r\nContent-Length: 0\r\n\r\n")
    assert reader.headers() == [("X-One", "a"), ("x-two", "b:c"), ("Content-Length", "0")]


PACKET = 262_144
HOSTILE = {
    "headers byte by byte": (OK, *[b"x"] * 66_000),
    "many headers": (OK, b"a:\r\n" * 16_000, b"\r\n"),
    "many promises": (b"HTTP/1.1 103 Hints\r\n\r\n" * 3_000 + OK + b"\r\n",),
    "tiny chunks": (OK + CHUNKED + b"\r\n" + b"1\r\nx\r\n" * (PACKET // 6),) * 8,
    "endless trailers": (OK + CHUNKED + b"\r\n0\r\n", *[b"a\r\n" * (PACKET // 3)] * 20),
    "long extensions": (OK + CHUNKED + b"\r\n", *[b"1;" + b"x" * 4000 + b"\r\nx\r\n"] * 5_000),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_no_answer_keeps_the_event_loop_busy(name: str) -> None:
    """Each took between 0.05 and 38 s where what was left had been copied for every line of it."""
    reader = AnswerReader(65_536, 16_384)
    started = time.thread_time()
    for part in HOSTILE[name]:
        if not reader.complete:
            reader.feed(part)
    reader.end()
    reader.headers()
    assert time.thread_time() - started < 1.0
    assert reader.status == 200
    assert reader.odd


def test_a_body_of_many_small_chunks_is_read_in_whole() -> None:
    chunks = b"".join(b"a\r\n0123456789\r\n" for _ in range(90))
    for size in (1, 7, PACKET):
        whole = OK + CHUNKED + b"\r\n" + chunks + b"0\r\n\r\n"
        reader = reading(*(whole[at : at + size] for at in range(0, len(whole), size)))
        assert (reader.body, reader.complete, reader.odd) == (b"0123456789" * 90, True, False)
