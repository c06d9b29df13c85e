from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl

import orjson
from hypothesis import given

from service.dialects.members import form
from tests.property.strategies import json_objects


def flattened(value: Any, name: str) -> Iterator[tuple[str, str]]:
    """Yield the pairs a form stands for, by Kazoo's rules; nulls and empty members are left out."""
    if isinstance(value, dict):
        for key, child in value.items():
            yield from flattened(child, f"{name}[{key}]")
    elif isinstance(value, list):
        yield from ((f"{name}[]", written(item)) for item in value if item is not None)
    elif value is not None:
        yield name, written(value)


def written(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


@given(json_objects)
def test_a_form_decodes_to_what_was_encoded(payload: dict[str, Any]) -> None:
    pairs = [pair for key, value in payload.items() for pair in flattened(value, key)]
    encoded = form(payload)
    assert parse_qsl(encoded, keep_blank_values=True) == pairs


@given(json_objects)
def test_a_form_holds_only_what_every_client_lets_through(payload: dict[str, Any]) -> None:
    encoded = form(payload)
    assert encoded.isascii()
    assert not set(encoded) & set("[]{}<>\"'\\^`|# \r\n\t\x00")
    assert "&&" not in encoded
    assert not encoded.startswith("&")
    assert not encoded.endswith("&")
