"""Numbers are written as they were read, and everything else is as orjson has it."""

import copy
from typing import Any

import orjson
import pytest

from service.text.json_text import WrittenNumber, read_json, write_json

NUMBERS = [
    "0", "-1", "9223372036854775808", "18446744073709551615", "18446744073709551616",
    "-9223372036854775809", "123456789012345678901234567890", "-" + "7" * 300, "0.1", "1.0",
    "1.10", "-0.0", "1e5", "1E5", "1e+2", "1.5E-3", "0.1000000000000000055511151231257827",
    "1700000000.123456789", "63877497874651078.5", "5e-324", "1e-400",
]  # fmt: skip


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("text", ["{}", '{{"a":{},"b":1.5}}', '{{"a":[{{"b":[0,{}]}}]}}'])
def test_a_number_is_written_as_it_was_read(text: str, number: str) -> None:
    written = text.format(number).encode()
    assert write_json(read_json(written)) == written
    assert write_json(copy.deepcopy(read_json(written))) == written


@pytest.mark.parametrize("number", ["0.1", "1.5", "100.0", "-2.5e-8"])
def test_a_float_that_orjson_writes_as_it_stands_is_a_plain_one(number: str) -> None:
    (read,) = read_json(f"[{number}]")
    assert type(read) is float


def test_a_written_number_is_a_number_and_shows_as_its_text() -> None:
    number: Any = read_json("1.10")
    assert isinstance(number, float)
    assert number == 1.1
    assert (str(number), f"{number!r}") == ("1.10", "1.10")


@pytest.mark.parametrize(
    ("written", "whole"), [("12", True), ("-12", True), ("1.0", False), ("1e3", False)]
)
def test_an_integer_is_told_from_what_only_comes_to_one(written: str, whole: bool) -> None:
    assert WrittenNumber(written).is_integer_text is whole


def test_text_that_looks_like_a_number_stays_text() -> None:
    value = {"a": "1.10", "b": ["123456789012345678901234567890"], "c": "x: 1e5,", "d": 1.5}
    assert read_json(orjson.dumps(value)) == value


@pytest.mark.parametrize("text", ["1e400", "9" * 400, "NaN", "Infinity", "[1.5,", "01.5"])
def test_what_orjson_refuses_is_refused(text: str) -> None:
    with pytest.raises(orjson.JSONDecodeError):
        read_json(text)


def test_the_deepest_text_that_orjson_reads_is_read() -> None:
    text = "[" * 1024 + "1.10" + "]" * 1024
    read_json(text)


def test_a_number_of_a_million_digits_takes_no_time() -> None:
    text = b"[0." + b"3" * 1_000_000 + b"]"
    assert write_json(read_json(text)) == text


def test_what_is_no_json_is_not_written() -> None:
    with pytest.raises(TypeError):
        write_json({"a": object()})
