"""Lenient parser of HTTP answers: the status line alone decides about success.

Strict parsing has no benefit here: request smuggling is a risk of servers. So the parser tolerates
a header without a colon, two lengths and a broken chunk; it sets `odd`, and the connection is not
used again. The result does not depend on how the network split the bytes into packets.
"""

import re
from enum import Enum, auto

from aiohttp.http_exceptions import BadStatusLine

STATUS_LINE = re.compile(rb"HTTP/1\.[0-9] ([1-9][0-9][0-9])(?:[ \t][^\r\n]*)?\r?\n")
ITS_BEGINNING = b"HTTP/1."
LONGEST_STATUS_LINE = 8192
HEAD_END = re.compile(rb"\n\r?\n")
LINE_WITHOUT_COLON = re.compile(rb"\n[^:\n]*+(?!:)")
FRAMING = re.compile(
    rb"\n(content-length|transfer-encoding|connection)[ \t]*:[ \t]*([^\r\n]*)", re.IGNORECASE
)
CHUNK_SIZE = re.compile(rb"([0-9a-fA-F]{1,16})[ \t]*(?:;[^\r\n]*)?\r?\n")
MOST_FRAMING = 8192
"""Limit of chunk lines and trailers, in bytes beyond the size of the body."""
MOST_HEADER_LINES = 1000
NO_BODY = frozenset({204, 205, 304})
ENDLESS = -1


class Part(Enum):
    """The part of a chunked body that comes next."""

    SIZE = auto()
    DATA = auto()
    END = auto()
    TRAILER = auto()


class AnswerReader:
    """Parses the bytes of one answer, and of 1xx answers before it, as they arrive.

    `most_head` bounds status lines and headers, `most_body` the kept part of the body, in bytes.
    """

    __slots__ = (
        "_at", "_body", "_buffer", "_chunked", "_framing", "_left", "_looked", "_most_body",
        "_most_head", "_part", "complete", "head", "odd", "status", "touched",
    )  # fmt: skip

    def __init__(self, most_head: int, most_body: int) -> None:
        self._most_head = most_head
        self._most_body = most_body
        self._buffer = b""
        self._at = 0
        """Offset of the first unread byte in the buffer, which is not copied for each line."""
        self._looked = 0
        """Offset up to which the end of the headers was searched."""
        self._body = bytearray()
        self._left = 0
        """Bytes missing of the body or its current chunk; `ENDLESS` if the body ends at close."""
        self._chunked = False
        self._part = Part.SIZE
        self._framing = 0
        """Bytes of chunk lines and trailers, less those of the chunks."""
        self.touched = False
        """Whether a byte of an answer has arrived."""
        self.status = 0
        """0 until the status line has arrived."""
        self.head: bytes | None = None
        """Status line and headers, once they have arrived whole."""
        self.complete = False
        self.odd = False
        """Whether the connection must be closed after this answer."""

    @property
    def body(self) -> bytes:
        """The kept part of the body."""
        return bytes(self._body)

    def feed(self, data: bytes) -> None:
        """Parse received bytes. Raises BadStatusLine if they are not an HTTP answer."""
        self.touched = True
        if self.complete:
            self.odd = True
            return
        self._buffer = self._buffer + data if self._buffer else data
        if self.head is None:
            self._read_head()
        if self.head is not None and not self.complete:
            self._read_body()
        if self._at < len(self._buffer):
            self.odd |= self.complete
            if self._at:
                self._buffer = self._buffer[self._at :]
        else:
            self._buffer = b""
        self._looked -= self._at
        self._at = 0

    def end(self) -> bool:
        """Note the end of the input; return whether there is an answer."""
        if self.status and not self.complete:
            self.odd = self.complete = True
            if self.head is None:
                self.head = self._buffer
        return self.complete

    def headers(self) -> list[tuple[str, str]]:
        """Return names and values as received; lines without a colon are left out."""
        lines = _text(self.head or b"").split("\n", MOST_HEADER_LINES + 1)
        pairs = [line.partition(":") for line in lines[1 : MOST_HEADER_LINES + 1] if ":" in line]
        return [(name.strip(), value.strip()) for name, _, value in pairs]

    def _read_head(self) -> None:
        while self.head is None:
            if not self._read_status_line():
                return
            end = HEAD_END.search(self._buffer, max(self._at, self._looked - 3))
            self._looked = len(self._buffer)
            stop = 0 if end is None else end.start()
            if self._buffer.endswith(b"\r", self._at, stop):
                stop -= 1
            if end is None or stop - self._at > self._most_head:
                # A packet boundary may fall between the two line ends: allow their 4 bytes.
                if len(self._buffer) - self._at > self._most_head + 4:
                    self._cut(self._at + self._most_head)
                return
            head = self._buffer[self._at : stop]
            self._looked = self._at = end.end()
            if self._only_promises():
                # All 1xx answers together share the limit of one answer.
                self._most_head -= len(head)
                self.status = 0
            elif head.count(b"\n") > MOST_HEADER_LINES:
                self.head = head
                self.complete = self.odd = True
            else:
                self.head = head
                self._frame(head)

    def _only_promises(self) -> bool:
        return 100 <= self.status < 200 and self.status != 101

    def _read_status_line(self) -> bool:
        """Return whether the status is known. Raises BadStatusLine."""
        if self.status:
            return True
        line = STATUS_LINE.match(self._buffer, self._at)
        if line is not None and self._most_head > 0 and len(line[0]) <= LONGEST_STATUS_LINE:
            self.status = int(line[1])
            return True
        begun = self._buffer[self._at : self._at + LONGEST_STATUS_LINE + 1]
        if (
            b"\n" in begun
            or len(begun) > LONGEST_STATUS_LINE
            or not ITS_BEGINNING.startswith(begun[: len(ITS_BEGINNING)])
        ):
            raise BadStatusLine(_text(begun[:100]))
        return False

    def _cut(self, end: int) -> None:
        if self._only_promises():
            raise BadStatusLine("1xx without end")
        self.head, self._at = self._buffer[self._at : end], len(self._buffer)
        self.complete = self.odd = True

    def _frame(self, head: bytes) -> None:
        """Determine where the body ends, and whether the connection may be reused."""
        lengths: set[bytes] = set()
        coding = b""
        for name, value in FRAMING.findall(head):
            kind = name.lower()
            if kind == b"content-length":
                self.odd |= bool(lengths) or b"," in value
                lengths.update(map(bytes.strip, value.split(b",")))
            elif kind == b"transfer-encoding":
                coding = value.lower()
                self.odd |= coding != b"chunked"
            elif b"keep-alive" not in value.lower():
                self.odd = True  # close, or an unrequested upgrade
        self.odd |= head.startswith(b"HTTP/1.0") or LINE_WITHOUT_COLON.search(head) is not None
        if self.status in NO_BODY or self.status == 101:
            self.odd |= bool(coding) or lengths not in (set(), {b"0"}) or self.status == 101
            self.complete = True
            return
        self._chunked = b"chunked" in coding
        if self._chunked:
            self.odd |= bool(lengths)
        elif len(lengths) == 1 and (length := lengths.pop()).isdigit() and len(length) < 19:
            self._left = int(length)
            self.complete = self._left == 0
        else:
            # No valid length: the body ends when the connection is closed.
            self.odd, self._left = True, ENDLESS

    def _read_body(self) -> None:
        there = len(self._buffer) - self._at
        if self._chunked:
            self._read_chunks()
        elif self._left == ENDLESS:
            self._keep(there)
        else:
            self._keep(min(there, self._left))
            self.complete |= self._left == 0
        if not self.complete and len(self._body) >= self._most_body:
            self.odd = self.complete = True

    def _keep(self, count: int) -> None:
        """Move `count` bytes of the body out of the buffer, keeping at most `most_body` in all."""
        start = self._at
        self._at += count
        if self._left != ENDLESS:
            self._left -= count
        room = self._most_body - len(self._body)
        if room > 0:
            self._body += self._buffer[start : start + min(count, room)]

    def _read_chunks(self) -> None:
        while not self.complete and len(self._body) < self._most_body:
            if self._left:
                there = len(self._buffer) - self._at
                if not there:
                    return
                count = min(there, self._left)
                self._keep(count)
                self._framing -= count
                self._part = Part.END if self._left == 0 else Part.DATA
            elif not self._read_chunk_line():
                return

    def _read_chunk_line(self) -> bool:
        """Read the size line, end line or trailer line due next; return whether it was complete."""
        start, end = self._at, self._buffer.find(b"\n", self._at) + 1
        if self._framing + (end or len(self._buffer)) - start > MOST_FRAMING:
            self.odd = self.complete = True
            return False
        if end == 0:
            return False
        self._at = end
        self._framing += end - start
        self._take_chunk_line(self._buffer[start:end])
        return True

    def _take_chunk_line(self, line: bytes) -> None:
        blank = line in (b"\r\n", b"\n")
        if self._part is Part.TRAILER:
            self.complete = blank
        elif self._part is Part.END and blank:
            self._part = Part.SIZE
        elif self._part is Part.END or (size := CHUNK_SIZE.fullmatch(line)) is None:
            self.odd = self.complete = True
        else:
            self._left = int(size[1], 16)
            self._part = Part.DATA if self._left else Part.TRAILER


def _text(raw: bytes) -> str:
    """Return header bytes as text; non-UTF-8 bytes become lone surrogates, as in aiohttp."""
    return raw.decode("utf-8", "surrogateescape")
