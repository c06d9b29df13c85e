"""A kind of thing that VoIPBIN's events tell of, and what of it may leave."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from service.dialects.voipbin.members import MEMBERS, SHAPES

ZERO_UUID = "00000000-0000-0000-0000-000000000000"

SECRET_NAMES = frozenset({
    "engine_key", "password", "raw_token", "secret", "token", "token_prefix", "webhook_secret",
})  # fmt: skip
"""Members that hold a secret, in whatever resource."""

LIST = "_list"
_WORD = re.compile(r"(\w+)(\?)?(!)?(?:=(\w+))?(?:<(\w+))?(?::(\w+))?")
_ABSENT = object()
_WHERE_ABSENT: Mapping[str | None, Any] = {None: _ABSENT, "empty": "", "null": None}


@dataclass(frozen=True, slots=True)
class Member:
    """A member that customers may see."""

    name: str
    taken_from: str
    json_type: str
    shape: str = ""
    """The shape of the object, or of the objects in the list; empty for any."""
    optional: bool = False
    """Whether VoIPBIN leaves it out when it is empty."""
    secret: bool = False
    always_zero: bool = False
    where_absent: Any = _ABSENT

    def value_in(self, internal: Mapping[str, Any]) -> Any:
        """Return what the customer sees; `_ABSENT` where that is nothing."""
        if self.always_zero:
            return ZERO_UUID
        value = internal.get(self.taken_from, self.where_absent)
        if self.optional and not value:
            return _ABSENT
        return _shaped(value, self.shape) if self.shape else value


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind of thing, with its members in VoIPBIN's order."""

    name: str
    members: tuple[Member, ...]

    def for_customers(
        self, internal: Mapping[str, Any], *, with_secrets: bool = False
    ) -> dict[str, Any]:
        """Return what VoIPBIN's own conversion makes of its internal resource.

        Nothing but the members listed leaves, however many others there are.
        """
        seen = (
            (member.name, member.value_in(internal))
            for member in self.members
            if with_secrets or not member.secret
        )
        return {name: value for name, value in seen if value is not _ABSENT}


def without_secrets(members: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members of a converted resource but those that hold a secret."""
    return {name: value for name, value in members.items() if name not in SECRET_NAMES}


def _shaped(value: Any, shape: str) -> Any:
    if type(value) is list:
        return [_shaped(each, shape) for each in value]
    if type(value) is not dict or not shape:
        return value
    inner = SHAPES[shape]
    return {name: _shaped(each, inner[name]) for name, each in value.items() if name in inner}


def _member(word: str) -> Member:
    found = _WORD.fullmatch(word)
    if found is None:
        raise ValueError(f"no member: {word!r}")
    name, optional, secret, absent, source, json_type = found.groups()
    return Member(
        name=name,
        taken_from=source or name,
        json_type=_json_type(json_type or "string"),
        shape=shape if (shape := (json_type or "").removesuffix(LIST)) in SHAPES else "",
        optional=optional is not None,
        secret=secret is not None,
        always_zero=absent == "zero",
        where_absent=_WHERE_ABSENT.get(absent, _ABSENT),
    )


def _json_type(marked: str) -> str:
    """Return the JSON type of a member that is marked with one, or with a shape."""
    if marked in SHAPES:
        return "object"
    return "array" if marked.removesuffix(LIST) in SHAPES else marked


def _resources(listed: Mapping[str, str]) -> Iterable[Resource]:
    for name, words in listed.items():
        yield Resource(name, tuple(_member(word) for word in words.split()))


RESOURCES: Mapping[str, Resource] = {one.name: one for one in _resources(MEMBERS)}
