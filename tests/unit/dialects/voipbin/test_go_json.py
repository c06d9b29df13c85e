from typing import Any

import pytest

from service.dialects.voipbin.go_json import go_json, go_number
from service.text.json_text import read_json


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": 1, "b": [None, True]}, '{"a":1,"b":[null,true]}'),
        ("a & b < c > d", r'"a \u0026 b \u003c c \u003e d"'),
        ("\u2028\u2029", r'"\u2028\u2029"'),
        ("\b\f\n\r\t\x01\x1f", r'"\b\f\n\r\t\u0001\u001f"'),
        ('"\\/', r'"\"\\/"'),
        ("\x7fé안🚀", '"\x7fé안🚀"'),
        ({"<": "&"}, r'{"\u003c":"\u0026"}'),
    ],
)
def test_texts_are_escaped_as_go_does(value: Any, text: str) -> None:
    assert go_json(value).decode() == text


@pytest.mark.parametrize(
    ("written", "by_go"),
    [
        ("0.25", "0.25"),
        ("1.10", "1.10"),
        ("1e-07", "1e-7"),
        ("1e-7", "1e-7"),
        ("1.5E-10", "1.5e-10"),
        ("1e-6", "0.000001"),
        ("1e+16", "10000000000000000"),
        ("1.25e2", "125"),
        ("1e+21", "1e+21"),
        ("1e21", "1e+21"),
        ("-2.5e100", "-2.5e+100"),
        ("0e5", "0"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
        ("9007199254740993", "9007199254740993"),
    ],
)
def test_numbers_are_written_as_go_does(written: str, by_go: str) -> None:
    assert go_number(written) == by_go
    text = f'{{"n":[{written}]}}'
    assert go_json(read_json(text)).decode() == f'{{"n":[{by_go}]}}'


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(TypeError):
        go_json({"a": object()})
