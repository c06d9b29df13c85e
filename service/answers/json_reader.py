"""JSON of an answer: strict, with unique names and a bounded depth."""

import json
from typing import Any

import orjson

from service.answers.content import text_of
from service.answers.errors import BadAnswer, BadAnswerReason
from service.answers.policy import AnswerPolicy

MAX_OBJECTS = 2500
"""Most objects and arrays: far more than the verbs of an answer need."""


def read_json(content: bytes, charset: str, policy: AnswerPolicy) -> Any:
    """Return the JSON value of an answer. Raises BadAnswer.

    orjson refuses NaN, infinity, lone surrogates and trailing content. The standard library's
    reader then finds names that occur twice: switches disagree on which of the two counts.
    """
    text = text_of(content, charset, policy)
    try:
        orjson.loads(text)
        if text.count("{") + text.count("[") > MAX_OBJECTS:
            detail = f"more than {MAX_OBJECTS} objects and arrays"
            raise BadAnswer(BadAnswerReason.TOO_MANY_VERBS, detail)
        return json.loads(text, object_pairs_hook=_object)
    except orjson.JSONDecodeError as error:
        if "recursion" in error.msg.lower() or "depth" in error.msg.lower():
            raise _too_deep() from None
        raise BadAnswer(BadAnswerReason.MALFORMED, f"not JSON: {error}") from None
    except RecursionError:
        raise _too_deep() from None
    except ValueError:
        # Python converts no number of more than 4,300 digits.
        raise BadAnswer(BadAnswerReason.MALFORMED, "a number has thousands of digits") from None


def _too_deep() -> BadAnswer:
    return BadAnswer(BadAnswerReason.TOO_DEEP, "nested hundreds of levels deep")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise BadAnswer(BadAnswerReason.MALFORMED, f"the name {twice[:40]!r} occurs twice")
    return made


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
