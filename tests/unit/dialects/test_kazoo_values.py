from typing import Any

import pytest

from service.dialects.kazoo.events.values import flag, integer, obj, required_text, text
from service.domain.errors import RejectedMessage, RejectReason
from service.text.json_text import WrittenNumber, write_json


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("abc", "abc"),
        (" ", " "),
        ("", None),
        (None, None),
        (0, "0"),
        (12, "12"),
        (1.5, "1.5"),
        (True, "true"),
        (False, "false"),
        ({}, None),
        ({"a": 1}, None),
        (["a"], None),
    ],
)
def test_text_is_read_liberally_and_empty_counts_as_missing(value: Any, expected: Any) -> None:
    assert text({"Key": value}, "Key") == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, True),
        ("true", True),
        ("TRUE", True),
        (False, False),
        ("false", False),
        ("yes", False),
        ("", False),
        (1, False),
        (None, False),
        ([], False),
    ],
)
def test_a_flag_is_true_as_json_or_as_a_string(value: Any, expected: bool) -> None:
    assert flag({"Key": value}, "Key") is expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, 0),
        (63_877_497_874, 63_877_497_874),
        (-3, -3),
        (7.9, 7),
        ("10", 10),
        ("0", 0),
        ("-4", -4),
        ("", None),
        ("ten", None),
        ("1.5", None),
        ("9" * 19, 9_999_999_999_999_999_999),
        ("9" * 20, None),
        (True, None),
        (None, None),
        ([1], None),
        ({}, None),
    ],
)
def test_an_integer_may_be_a_number_or_a_numeric_string(value: Any, expected: Any) -> None:
    assert integer({"Key": value}, "Key") == expected


@pytest.mark.parametrize("value", [1e30, -1e30, 2e19])
def test_a_number_that_json_cannot_carry_as_an_integer_is_missing(value: float) -> None:
    # As an integer it could not be written out again, and the whole event would be lost.
    assert integer({"Key": value}, "Key") is None


@pytest.mark.parametrize("written", ["9" * 25, "-" + "9" * 25, "18446744073709551616"])
def test_an_integer_beyond_64_bits_is_returned_as_it_was_written(written: str) -> None:
    values = {"Key": WrittenNumber(written)}
    assert write_json(integer(values, "Key")).decode() == written
    assert text(values, "Key") == written


@pytest.mark.parametrize(
    ("written", "expected"), [("7.90", 7), ("1e3", 1000), ("2E19", None), ("-1.0e30", None)]
)
def test_a_fraction_or_exponent_is_read_as_the_integer_that_it_comes_to(
    written: str, expected: int | None
) -> None:
    found = integer({"Key": WrittenNumber(written)}, "Key")
    assert (type(found), found) == (type(expected), expected)


def test_a_key_that_is_not_there_is_missing() -> None:
    assert text({}, "Key") is None
    assert integer({}, "Key") is None
    assert obj({}, "Key") is None
    assert flag({}, "Key") is False


def test_required_text_is_returned() -> None:
    assert required_text({"Key": "abc"}, "Key") == "abc"


@pytest.mark.parametrize(
    ("values", "reason", "detail"),
    [
        ({}, RejectReason.MISSING_FIELD, "Key is missing"),
        ({"Key": None}, RejectReason.MISSING_FIELD, "Key is missing"),
        ({"Key": ""}, RejectReason.MISSING_FIELD, "Key is missing"),
        ({"Key": 7}, RejectReason.WRONG_TYPE, "Key must be a string"),
        ({"Key": []}, RejectReason.WRONG_TYPE, "Key must be a string"),
        ({"Key": False}, RejectReason.WRONG_TYPE, "Key must be a string"),
    ],
)
def test_required_text_that_is_not_there_rejects_the_message(
    values: dict[str, Any], reason: RejectReason, detail: str
) -> None:
    with pytest.raises(RejectedMessage) as rejection:
        required_text(values, "Key")
    assert (rejection.value.reason, rejection.value.detail) == (reason, detail)


@pytest.mark.parametrize("value", [None, {}, {"a": 1}])
def test_an_object_is_returned_as_it_is(value: Any) -> None:
    assert obj({"Key": value}, "Key") == value


@pytest.mark.parametrize("value", ["", "text", 0, [], True])
def test_anything_but_an_object_rejects_the_message(value: Any) -> None:
    with pytest.raises(RejectedMessage) as rejection:
        obj({"Key": value}, "Key")
    assert rejection.value.reason is RejectReason.WRONG_TYPE
    assert rejection.value.detail == "Key must be an object"
