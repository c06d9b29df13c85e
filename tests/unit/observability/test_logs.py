"""Lines without secrets and without end, in either format, of our own and of libraries."""

import io
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from typing import Literal

import pytest
import structlog

from service.observability.lines import MOST_BYTES
from service.observability.logs import LogPolicy, configure_logs

SECRET = "canary-secret-7d"
FORMATS = ["json", "console"]


@contextmanager
def logging_as(form: Literal["json", "console"]) -> Iterator[Callable[[], str]]:
    """Have logs written in a format; yield what returns all that was written so far."""
    raw = io.BytesIO()
    with redirect_stderr(io.TextIOWrapper(raw, write_through=True)):
        configure_logs(LogPolicy("info", form))
        yield lambda: raw.getvalue().decode()
    structlog.reset_defaults()
    logging.basicConfig(handlers=[logging.NullHandler()], force=True)


@pytest.fixture(params=FORMATS)
def written(request: pytest.FixtureRequest) -> Iterator[Callable[[], str]]:
    """Have logs written in each format; return what returns all that was written so far."""
    with logging_as(request.param) as text:
        yield text


def fail(secret: str, depth: int = 0) -> None:
    request = {"authorization": secret}
    if depth:
        fail(secret, depth - 1)
    raise RuntimeError(f"a bug with {len(request)} member")


def fail_after(error: Exception) -> None:
    raise ValueError("huge " * 1_000_000) from error


@pytest.mark.parametrize("depth", [0, 500])
def test_a_traceback_shows_no_variables(written: Callable[[], str], depth: int) -> None:
    try:
        fail(SECRET, depth)
    except RuntimeError:
        structlog.get_logger("ours").exception("delivery.bug", delivery_id="d1")
        logging.getLogger("theirs").exception("a library complains")
    text = written()
    assert text.count("a bug with 1 member") >= 2
    assert "delivery.bug" in text
    assert "d1" in text
    assert SECRET not in text


def test_a_chain_of_errors_shows_no_variables(written: Callable[[], str]) -> None:
    try:
        try:
            fail(SECRET)
        except RuntimeError as error:
            raise ValueError("the second") from error
    except ValueError:
        structlog.get_logger("ours").exception("message.bug")
    text = written()
    assert "the second" in text
    assert "a bug with 1 member" in text
    assert SECRET not in text


@pytest.mark.parametrize(
    "value", ["x" * 22_000_000, ["y" * 100] * 100_000, {f"k{n}": "z" * 1000 for n in range(5000)}]
)
def test_a_line_has_a_bounded_size(written: Callable[[], str], value: object) -> None:
    structlog.get_logger("ours").warning("api.odd", value=value, request_id="r1")
    text = written()
    assert len(text) <= MOST_BYTES + 100
    assert "api.odd" in text


def test_an_error_with_a_huge_text_and_deep_frames_has_a_bounded_line(
    written: Callable[[], str],
) -> None:
    try:
        fail("x", 900)
    except RuntimeError as error:
        try:
            fail_after(error)
        except ValueError:
            structlog.get_logger("ours").exception("api.bug")
            logging.getLogger("theirs").exception("library")
    lines = written()
    assert len(lines) <= 2 * MOST_BYTES + 400
    assert "api.bug" in lines


def test_what_json_cannot_hold_is_written_all_the_same() -> None:
    with logging_as("json") as written:
        structlog.get_logger("ours").info("odd.value", value={1: object()}, raw=b"bytes")
        line = json.loads(written())
    assert line["event"] == "odd.value"
    assert line["raw"] == "b'bytes'"
