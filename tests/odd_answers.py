"""Answers of which receivers and proxies are known that send them; each takes the delivery."""

OK = b"HTTP/1.1 200 OK\r\n"
NONE = b"HTTP/1.1 204 No Content\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
TWO = b"Content-Length: 2\r\n"
END = b"\r\n"

ODD_ANSWERS = {
    "header-over-8190": OK + TWO + b"X: " + 9000 * b"x" + END + END + b"hi",
    "headers-over-the-limit": OK + TWO + 70 * (b"X: " + 1000 * b"x" + END) + END + b"hi",
    "204-with-a-length": NONE + TWO + END,
    "204-with-a-body": NONE + TWO + END + b"hi",
    "204-chunked": NONE + CHUNKED + END + b"2\r\nhi\r\n0\r\n\r\n",
    "bytes-too-many": OK + TWO + END + b"hi there",
    "bytes-after-chunks": OK + CHUNKED + END + b"2\r\nhi\r\n0\r\n\r\nthere",
    "bad-chunk-size": OK + CHUNKED + END + b"2\r\nhi\r\nZZ\r\n",
    "negative-chunk-size": OK + CHUNKED + END + b"-2\r\nhi\r\n",
    "chunk-without-end": OK + CHUNKED + END + b"2\r\nhiXX0\r\n\r\n",
    "endless-chunk-size": OK + CHUNKED + END + 5000 * b"0",
    "same-length-twice": OK + TWO + TWO + END + b"hi",
    "same-length-in-a-list": OK + b"Content-Length: 2, 2\r\n" + END + b"hi",
    "two-lengths": OK + TWO + b"Content-Length: 1\r\n" + END + b"hi",
    "length-and-chunked": OK + TWO + CHUNKED + END + b"2\r\nhi\r\n0\r\n\r\n",
    "negative-length": OK + b"Content-Length: -1\r\n" + END + b"hi",
    "length-of-words": OK + b"Content-Length: two\r\n" + END + b"hi",
    "length-of-other-digits": OK + "Content-Length: ²\r\n".encode() + END + b"hi",
    "huge-length": OK + b"Content-Length: " + 30 * b"9" + END + END + b"hi",
    "empty-length": OK + b"Content-Length:\r\n" + END + b"hi",
    "identity": OK + b"Transfer-Encoding: identity\r\n" + TWO + END + b"hi",
    "chunked-twice": OK + CHUNKED + CHUNKED + END + b"2\r\nhi\r\n0\r\n\r\n",
    "no-colon": OK + b"no colon here\r\n" + TWO + END + b"hi",
    "no-name": OK + b": nameless\r\n" + TWO + END + b"hi",
    "blank-before-colon": OK + b"Content-Length : 2\r\n" + END + b"hi",
    "folded": OK + b"X: a\r\n\tb\r\n" + TWO + END + b"hi",
    "nul-in-header": OK + b"X: a\0b\r\n" + TWO + END + b"hi",
    "not-utf-8": OK + b"X: \xff\xfe\r\n" + TWO + END + b"hi",
    "129-headers": OK + 129 * b"X: y\r\n" + TWO + END + b"hi",
    "bare-line-feeds": b"HTTP/1.1 200 OK\nContent-Length: 2\n\nhi",
    "no-reason": b"HTTP/1.1 200\r\n" + TWO + END + b"hi",
    "http-1.0": b"HTTP/1.0 200 OK\r\n" + END + b"hi",
    "upgrade": OK + b"Connection: Upgrade\r\nUpgrade: h2c\r\n" + TWO + END + b"hi",
    "hints-first": b"HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n" + OK + TWO + END + b"hi",
    "bad-trailer": OK + CHUNKED + END + b"2\r\nhi\r\n0\r\nno colon\r\n\r\n",
    "ends-in-its-headers": OK + b"X: y",
    "ends-in-its-body": OK + b"Content-Length: 99\r\n" + END + b"hi",
    "ends-in-a-chunk": OK + CHUNKED + END + b"99\r\nhi",
    "gzip-that-is-none": OK + b"Content-Encoding: gzip\r\n" + TWO + END + b"hi",
}

NO_ANSWERS = {
    "garbage": b"garbage\r\n\r\n",
    "http-0.9": b"<html>of HTTP/0.9</html>",
    "no-status": b"HTTP/1.1 OK\r\n\r\n",
    "status-of-four-digits": b"HTTP/1.1 2000 OK\r\n\r\n",
    "status-of-two-digits": b"HTTP/1.1 20 OK\r\n\r\n",
    "status-in-other-digits": "HTTP/1.1 ²00 OK\r\n\r\n".encode(),
    "status-0": b"HTTP/1.1 000 OK\r\n\r\n",
    "half-a-status-line": b"HTTP/1.1 200 O",
    "only-hints": b"HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n",
}
