"""Members of JSON objects: read by the types of attributes, with their position in errors."""

from dataclasses import MISSING
from typing import Any

import orjson

from service.answers.document import Extra, Step
from service.answers.errors import BadAnswer, BadAnswerReason
from service.answers.fields import fields_of, from_json
from service.answers.json_reader import depth_within
from service.answers.policy import AnswerPolicy
from service.answers.values import UNSET
from service.answers.written import problem_with

MAX_UNREAD = 64
"""Most members of an object that belong to one form alone, or that are unknown."""


def bad_attribute(position: str, problem: object) -> BadAnswer:
    """Return the error for a member with a wrong value."""
    return BadAnswer(BadAnswerReason.BAD_ATTRIBUTE, f"{position}: {problem}")


def sound(steps: tuple[Step, ...], position: str) -> tuple[Step, ...]:
    """Return steps that were read from one object. Raises BadAnswer where one lacks something."""
    for step in steps:
        problem = problem_with(step)
        if problem:
            raise bad_attribute(position, problem)
    return steps


def json_text(value: Any) -> str:
    """Return a JSON value as text. Raises BadAnswer for a number beyond 64 bits."""
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError:
        detail = "a number does not fit into 64 bits"
        raise BadAnswer(BadAnswerReason.MALFORMED, detail) from None


class Budget:
    """Counts the verbs of one answer and bounds their depth."""

    def __init__(self, policy: AnswerPolicy) -> None:
        self.policy = policy
        self._verbs = 0

    def spend(self, position: str, depth: int) -> None:
        """Count one verb. Raises BadAnswer where a limit is exceeded."""
        self._verbs += 1
        if self._verbs > self.policy.max_verbs:
            detail = f"{position}: more than {self.policy.max_verbs} verbs"
            raise BadAnswer(BadAnswerReason.TOO_MANY_VERBS, detail)
        self.check_level(position, depth)

    def check_level(self, position: str, depth: int) -> None:
        """Raise BadAnswer where verbs are nested too deeply."""
        if depth > self.policy.max_depth:
            detail = f"{position}: more than {self.policy.max_depth} levels deep"
            raise BadAnswer(BadAnswerReason.TOO_DEEP, detail)

    def check_depth(self, position: str, value: Any) -> None:
        """Raise BadAnswer where a JSON value is nested too deeply."""
        if not depth_within(value, self.policy.max_depth):
            detail = f"{position}: more than {self.policy.max_depth} levels deep"
            raise BadAnswer(BadAnswerReason.TOO_DEEP, detail)


class Members:
    """Members of one object that are still to be read; null means that a member is not there."""

    def __init__(self, value: Any, position: str) -> None:
        if not isinstance(value, dict):
            raise bad_attribute(position, f"must be an object, not {type(value).__name__}")
        self.position = position
        self._left = {key: one for key, one in value.items() if one is not None}

    def __contains__(self, key: str) -> bool:
        return key in self._left

    def peek(self, key: str) -> Any:
        """Return a member as it is, or None."""
        return self._left.get(key)

    def take(self, key: str, default: Any = None) -> Any:
        """Return a member as it is, and mark it as read."""
        return self._left.pop(key, default)

    def attribute(self, made: type, name: str, key: str, default: Any = MISSING) -> Any:
        """Return the member `key` as the attribute `name` of a verb. Raises BadAnswer.

        `default` replaces the attribute's own default.
        """
        one = fields_of(made)[name]
        if key not in self._left:
            value = one.default if default is MISSING else default
            if value is MISSING:
                raise bad_attribute(f"{self.position}.{key}", f"missing; it must be {one.allowed}")
            return value
        try:
            return from_json(one, self._left.pop(key))
        except ValueError as error:
            raise bad_attribute(f"{self.position}.{key}", error) from None

    def attributes(self, made: type, names: dict[str, str]) -> dict[str, Any]:
        """Return attributes by name, read from the members that `names` has for them."""
        return {name: self.attribute(made, name, key) for name, key in names.items()}

    def text(self, key: str) -> str:
        """Return a member that must be a text. Raises BadAnswer."""
        value = self._left.pop(key, None)
        if not isinstance(value, str) or not value:
            raise bad_attribute(f"{self.position}.{key}", "must be a text")
        return value

    def unset(self, form: str, key: str) -> tuple[Extra, ...]:
        """Return the extra that keeps a member from being written, if it is not there."""
        return () if key in self._left else (Extra(form, key, UNSET),)

    @property
    def rest(self) -> dict[str, Any]:
        """The members that were not read."""
        return self._left

    def extras(self, form: str) -> tuple[Extra, ...]:
        """Return the members that were not read as members of this form alone."""
        self._refuse_flood()
        return tuple(Extra(form, key, json_text(value)) for key, value in self._left.items())

    def unknown(self) -> list[str]:
        """Return a note for each member that was not read. Raises BadAnswer if there are many."""
        self._refuse_flood()
        return [f"{self.position}.{key[:40]}: unknown member" for key in self._left]

    def _refuse_flood(self) -> None:
        if len(self._left) > MAX_UNREAD:
            raise bad_attribute(self.position, f"more than {MAX_UNREAD} unknown members")

    def refuse_rest(self) -> None:
        """Raise BadAnswer if there are members that were not read."""
        for key in self._left:
            raise bad_attribute(f"{self.position}.{key[:40]}", "unknown member")
