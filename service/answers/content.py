"""Content of an answer: from bytes in any accepted encoding to text within the limits."""

import re

from service.answers.errors import BadAnswer, BadAnswerReason
from service.answers.policy import AnswerPolicy

BYTE_ORDER_MARKS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
CHARSETS = {
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "us-ascii": "ascii",
    "ascii": "ascii",
    "iso-8859-1": "latin-1",
    "latin1": "latin-1",
    "windows-1252": "cp1252",
    "utf-16": "utf-16",
}
"""Accepted encodings by the names that content types and XML declarations use."""
DECLARATION = re.compile(rb"""<\?xml[^>]{1,80}?encoding\s*=\s*["']([A-Za-z0-9._\-]{1,40})["']""")


def text_of(content: bytes, charset: str, policy: AnswerPolicy) -> str:
    """Return the text of an answer. Raises BadAnswer.

    The encoding is that of the byte order mark, else `charset` of the content type, else of the
    XML declaration, else UTF-8 (RFC 7303, section 3; RFC 8259, section 8.1).
    """
    refuse_size(content, policy)
    for mark, encoding in BYTE_ORDER_MARKS:
        if content.startswith(mark):
            text = _decoded(content, encoding).removeprefix("\ufeff")
            break
    else:
        text = _decoded(content, _encoding(charset or _declared(content)))
    if not text.strip():
        raise BadAnswer(BadAnswerReason.EMPTY, "the answer has no content")
    return text


def refuse_size(content: bytes, policy: AnswerPolicy) -> None:
    """Raise BadAnswer if the answer is too large."""
    if len(content) > policy.max_bytes:
        detail = f"{len(content)} bytes; at most {policy.max_bytes} are allowed"
        raise BadAnswer(BadAnswerReason.TOO_LARGE, detail)


def _declared(content: bytes) -> str:
    found = DECLARATION.match(content)
    return found[1].decode("ascii") if found else "utf-8"


def _encoding(charset: str) -> str:
    encoding = CHARSETS.get(charset.strip().lower())
    if encoding is None:
        detail = f"charset {charset[:40]!r} is not allowed; allowed: {', '.join(CHARSETS)}"
        raise BadAnswer(BadAnswerReason.BAD_ENCODING, detail)
    return encoding


def _decoded(content: bytes, encoding: str) -> str:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        detail = f"byte {error.start} is not {encoding}"
        raise BadAnswer(BadAnswerReason.BAD_ENCODING, detail) from None
