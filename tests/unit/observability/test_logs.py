"""A log line tells where something broke, never what was in the variables there."""

import asyncio
import io
import json
import logging
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from errno import ENOSPC
from select import PIPE_BUF
from typing import Any, Literal, cast

import pytest
import structlog
from aiormq.abc import AbstractChannel
from prometheus_client import CollectorRegistry

from service.adapters.rabbitmq.consuming.acks import Acks
from service.observability.lines import LONGEST_LINE
from service.observability.logs import LogPolicy, configure_logs, quick_info
from service.observability.metrics import Metrics

FORMATS: tuple[Literal["json", "console"], ...] = ("json", "console")
CANARY = "canary-in-a-local"


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    configuration = structlog.get_config()
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.configure(**configuration)


def fail(secret: str, *, said: str = "it broke") -> None:
    headers = {"Authorization": secret}
    try:
        headers["at first"]
    except KeyError as error:
        raise ValueError(said) from error


def fail_in_a_group(secret: str) -> None:
    errors: list[Exception] = []
    for number in range(2):
        try:
            fail(secret)
        except ValueError as error:
            error.add_note(f"number {number}")
            errors.append(error)
    raise ExceptionGroup("two", errors)


def logged_failures(said: str = "it broke") -> None:
    """Log failures by our own logger and by a library's."""
    failures: list[Callable[[], None]] = [
        lambda: fail(CANARY, said=said),
        lambda: fail_in_a_group(CANARY),
    ]
    for failing in failures:
        try:
            failing()
        except (ValueError, ExceptionGroup):
            structlog.get_logger("own").exception("delivery.bug", delivery_id="d-1")
            logging.getLogger("library").exception("it failed")


@pytest.mark.parametrize("form", FORMATS)
def test_a_traceback_has_no_locals(
    form: Literal["json", "console"], capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    configure_logs(LogPolicy(format=form))
    logged_failures()
    text = capsysbinary.readouterr().err.decode()
    assert CANARY not in text
    for wanted in ("it broke", "at first", "test_logs.py", "delivery.bug", "it failed", "two"):
        assert wanted in text
    assert text.count("ValueError") >= 4


def test_a_library_s_traceback_is_json_like_our_own(
    capsysbinary: pytest.CaptureFixture[bytes],
) -> None:
    configure_logs(LogPolicy())
    logged_failures()
    lines = [json.loads(line) for line in capsysbinary.readouterr().err.splitlines()]
    assert [line["event"] for line in lines] == ["delivery.bug", "it failed"] * 2
    for line in lines[:2]:
        first, cause = line["exception"]
        assert (first["exc_type"], first["exc_value"]) == ("ValueError", "it broke")
        assert cause["exc_type"] == "KeyError"
        assert first["frames"][-1]["name"] == "fail"


MUCH: list[dict[str, Any]] = [
    {"detail": "x" * 1_000_000},
    {"detail": "\0" * 20_000},
    {"detail": "\U0001f4a5" * 20_000},
    {"detail": ["y" * 100] * 10_000},
    {f"member-{number}": "z" * 100 for number in range(10_000)},
    {"n" * 50_000: 1},
    {"detail": b"\xff" * 50_000},
]


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("much", MUCH, ids=range(len(MUCH)))
def test_a_line_is_bounded(
    form: Literal["json", "console"],
    much: dict[str, Any],
    capsysbinary: pytest.CaptureFixture[bytes],
) -> None:
    configure_logs(LogPolicy(format=form))
    structlog.get_logger("own").warning("message.rejected", **much)
    logging.getLogger("library").warning("message.rejected %r", much)
    text = capsysbinary.readouterr().err
    if form == "console":
        assert len(text) <= 2 * LONGEST_LINE
        assert text.count(b"message.rejected") == 2
        return
    own, library = text.splitlines()
    assert max(len(own), len(library)) < LONGEST_LINE
    line = json.loads(own)
    assert (line["event"], line["level"]) == ("message.rejected", "warning")
    assert line["cut_from_bytes"] > LONGEST_LINE
    assert json.loads(library)["event"].startswith("message.rejected")


@pytest.mark.parametrize("form", FORMATS)
def test_the_line_of_a_long_error_still_says_where(
    form: Literal["json", "console"], capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    configure_logs(LogPolicy(format=form))
    logged_failures(said="long " * 100_000)
    text = capsysbinary.readouterr().err
    assert len(text) <= 4 * (LONGEST_LINE + 1)
    assert text.count(b"logged_failures") >= 4


async def test_the_quick_line_is_the_usual_one(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    configure_logs(LogPolicy())
    members = {"delivery_id": "d-1", "detail": "x" * 20_000, "status": 200}
    with structlog.contextvars.bound_contextvars(worker=3):
        for info in (structlog.get_logger().info, quick_info()):
            info("attempt.finished", **members)
    await asyncio.sleep(0)
    usual, quick = map(json.loads, capsysbinary.readouterr().err.splitlines())
    for line in (usual, quick):
        datetime.fromisoformat(line.pop("timestamp"))
        assert line["worker"] == 3
    assert quick == usual


class Noting(io.BytesIO):
    """A file that notes each write."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.full = False

    def write(self, data: Any) -> int:
        if self.full:
            raise OSError(ENOSPC, "no space left")
        self.writes.append(bytes(data))
        return len(data)


async def test_quick_lines_are_written_together_if_a_pipe_takes_them_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    noting = Noting()
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(noting))
    configure_logs(LogPolicy())
    info = quick_info()
    for number in range(20):
        info("attempt.finished", number=number, detail="x" * 300)
    await asyncio.sleep(0)
    lines = [json.loads(line) for write in noting.writes for line in write.splitlines()]
    assert [line["number"] for line in lines] == list(range(20))
    assert all(write.endswith(b"\n") and len(write) <= PIPE_BUF for write in noting.writes)
    assert len(noting.writes) < 5
    info("attempt.finished", number=20)
    await asyncio.sleep(0)
    assert json.loads(noting.writes[-1])["number"] == 20


class NotingChannel:
    """Notes how many writes to the log there were at the first acknowledgement."""

    def __init__(self, log: Noting) -> None:
        self._log = log
        self.writes: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def basic_ack(self, *_: int, **__: bool) -> None:
        self.writes.set_result(len(self._log.writes))


async def test_the_line_of_a_delivery_is_written_before_its_message_is_acknowledged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    noting = Noting()
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(noting))
    configure_logs(LogPolicy())
    channel = NotingChannel(noting)
    acks = Acks(cast("AbstractChannel", channel), Metrics(CollectorRegistry(), []))
    telling = asyncio.create_task(acks.keep_telling())
    acks.note(1)
    quick_info()("attempt.finished", number=1)
    acks.settle(1)
    assert await channel.writes == 1
    telling.cancel()


async def test_a_log_without_space_fails_nothing_but_its_lines(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    noting, failed = Noting(), list[Any]()
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(noting))
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failed.append(context))
    configure_logs(LogPolicy())
    info = quick_info()
    for number in range(2):
        noting.full = number == 0
        info("attempt.finished", number=number)
        await asyncio.sleep(0)
    assert [type(context["exception"]) for context in failed] == [OSError]
    assert [json.loads(line)["number"] for line in noting.writes] == [1]


@pytest.mark.parametrize("level", ["warning", "info"])
async def test_the_quick_line_obeys_level_and_format(
    level: Literal["warning", "info"], capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logs(LogPolicy(level, "console" if level == "info" else "json"))
    quick_info()("attempt.finished", status=200)
    await asyncio.sleep(0)
    written = capsys.readouterr().err
    assert "status=200" in written if level == "info" else not written


@pytest.mark.parametrize("odd", ["\ud800", 2**70, {1: object()}, [[[[[[[["deep"]]]]]]]], {2.5}])
def test_whatever_is_logged_becomes_a_line(
    odd: Any, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    configure_logs(LogPolicy())
    structlog.get_logger("own").warning("message.rejected", detail=odd)
    line = json.loads(capsysbinary.readouterr().err)
    assert line["event"] == "message.rejected"
    assert line["detail"]


def test_an_endless_chain_of_errors_is_bounded(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    configure_logs(LogPolicy())
    error: Exception = ValueError("the last")
    for number in range(500):
        following = ValueError(f"number {number}")
        following.__cause__, error = error, following
    structlog.get_logger("own").error("delivery.bug", exc_info=error)
    line = capsysbinary.readouterr().err
    assert len(line) <= LONGEST_LINE
    assert json.loads(line)["exception"][0]["exc_value"] == "number 499"
