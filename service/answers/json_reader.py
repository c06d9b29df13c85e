"""JSON of an answer: strict, with unique names and a bounded depth."""

import json
import math
from typing import Any

import orjson

from service.answers.content import text_of
from service.answers.errors import BadAnswer, BadAnswerReason
from service.answers.policy import AnswerPolicy

MAX_DIGITS = 18
"""Most digits of a whole number; longer ones differ from reader to reader."""


def read_json(content: bytes, charset: str, policy: AnswerPolicy) -> Any:
    """Return the JSON value of an answer. Raises BadAnswer.

    orjson refuses NaN, lone surrogates and trailing content. The standard library's reader then
    finds names that occur twice: switches disagree on which of the two counts.
    """
    text = text_of(content, charset, policy)
    try:
        orjson.loads(text)
        return json.loads(
            text, object_pairs_hook=_object, parse_int=_integer, parse_float=_fraction
        )
    except orjson.JSONDecodeError as error:
        if "recursion" in error.msg.lower() or "depth" in error.msg.lower():
            raise _too_deep() from None
        raise BadAnswer(BadAnswerReason.MALFORMED, f"not JSON: {error}") from None
    except RecursionError:
        raise _too_deep() from None


def _too_deep() -> BadAnswer:
    return BadAnswer(BadAnswerReason.TOO_DEEP, "nested hundreds of levels deep")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise BadAnswer(BadAnswerReason.MALFORMED, f"the name {twice[:40]!r} occurs twice")
    return made


def _integer(text: str) -> int:
    if len(text) > MAX_DIGITS:
        detail = f"a number has {len(text)} digits; at most {MAX_DIGITS} are allowed"
        raise BadAnswer(BadAnswerReason.MALFORMED, detail)
    return int(text)


def _fraction(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise BadAnswer(BadAnswerReason.MALFORMED, f"the number {text[:40]} is too large")
    return number


def depth_within(value: Any, most: int) -> bool:
    """Return whether a JSON value has at most so many levels of objects and arrays."""
    level = [value]
    for _ in range(most + 1):
        level = [
            child
            for node in level
            if isinstance(node, dict | list)
            for child in (node.values() if isinstance(node, dict) else node)
        ]
        if not level:
            return True
    return False
