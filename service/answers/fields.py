"""Reading and writing of attribute values by the types declared in `document`."""

import dataclasses
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from enum import StrEnum
from functools import cache
from types import MappingProxyType, NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from annotated_types import Ge, Le

from service.answers.values import Pattern, Role, UrlOf

MAX_QUOTED = 40
NOT_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
"""Characters that XML 1.0 cannot hold."""


@dataclass(frozen=True, slots=True)
class Field:
    """Attribute of a verb: its type, its default and its limits."""

    name: str
    kind: Any
    """int, bool, str, or an enum."""
    default: Any = MISSING
    several: bool = False
    """Whether it holds a tuple of values of the kind."""
    least: int = 0
    most: int = 0
    pattern: Pattern | None = None
    role: Role | None = None
    words: Mapping[str, StrEnum] = dataclasses.field(default_factory=dict)
    """The values of an enum by their text."""

    @property
    def required(self) -> bool:
        """Whether it has no default."""
        return self.default is MISSING

    @property
    def allowed(self) -> str:
        """The allowed values, for error messages."""
        if self.kind is bool:
            return "true or false"
        if self.kind is int:
            return f"a whole number from {self.least} to {self.most}"
        if issubclass(self.kind, StrEnum):
            values = ", ".join(self.kind)
            return f"any of {values}" if self.several else f"one of {values}"
        return self.pattern.allowed if self.pattern else "text without control characters"


def fields_of(verb: Any) -> Mapping[str, Field]:
    """Return the attributes of a verb's class by name; nested steps and extras are none."""
    return _fields_of(verb)


@dataclass(frozen=True, slots=True)
class Shape:
    """Names of the attributes that a walk through values reads, by kind."""

    urls: Sequence[tuple[str, Role]]
    texts: Sequence[str]
    """Attributes with a text of any kind that is no URL."""
    nested: Sequence[str]
    """Attributes that hold steps or extras."""


def shape_of(verb: Any) -> Shape:
    """Return the shape of a verb's class, of a part of one, or of an extra."""
    return _shape_of(verb)


@cache
def _shape_of(cls: Any) -> Shape:
    attributes = fields_of(cls)
    own = [one for one in attributes.values() if one.role is None]
    return Shape(
        urls=[(one.name, one.role) for one in attributes.values() if one.role is not None],
        texts=[one.name for one in own if one.kind is str and not one.several],
        nested=[one.name for one in fields(cls) if one.name not in attributes],
    )


@cache
def _fields_of(cls: Any) -> Mapping[str, Field]:
    hints = get_type_hints(cls, include_extras=True)
    found = {}
    for one in fields(cls):
        made = _field(one.name, hints[one.name], one.default)
        if made is not None:
            found[one.name] = made
    return MappingProxyType(found)


def _field(name: str, hint: Any, default: Any) -> Field | None:
    marks: list[Any] = []
    several = False
    while get_origin(hint) is not None:
        origin, arguments = get_origin(hint), get_args(hint)
        if origin is Annotated:
            hint, marks = arguments[0], [*marks, *arguments[1:]]
        elif origin is tuple:
            hint, several = arguments[0], True
        elif origin in (Union, UnionType):
            kinds = [one for one in arguments if one is not NoneType]
            if len(kinds) > 1:
                return None
            hint = kinds[0]
    if hint not in (int, bool, str) and not _is_enum(hint):
        return None
    return Field(
        name,
        hint,
        default,
        several,
        least=next((int(str(mark.ge)) for mark in marks if isinstance(mark, Ge)), 0),
        most=next((int(str(mark.le)) for mark in marks if isinstance(mark, Le)), 0),
        pattern=next((mark for mark in marks if isinstance(mark, Pattern)), None),
        role=next((mark.role for mark in marks if isinstance(mark, UrlOf)), None),
        words={str(word): word for word in hint} if _is_enum(hint) else {},
    )


def _is_enum(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, StrEnum)


def from_text(field: Field, text: str, scale: int = 1) -> Any:
    """Return the value of an XML attribute, its number times `scale`. Raises ValueError."""
    if field.several:
        return tuple(_checked(field, word) for word in text.split())
    if field.kind is bool:
        flag = {"true": True, "false": False}.get(text.strip().lower())
        return _checked(field, text if flag is None else flag)
    if field.kind is int:
        bare = text.strip()
        # int() also reads `1_0` and digits of other scripts, and takes long for thousands of them.
        is_number = bare.isascii() and bare.isdecimal() and len(bare) <= 10
        return _checked(field, int(bare) * scale if is_number else text, scale)
    return _checked(field, text.strip() if field.words else text)


def from_json(field: Field, value: Any) -> Any:
    """Return the value of a JSON member. Raises ValueError."""
    if field.several:
        if not isinstance(value, list):
            raise ValueError(_problem(field, value))
        return tuple(_checked(field, one) for one in value)
    if value is None and field.default is None:
        return None
    return _checked(field, value)


def to_text(value: Any, scale: int = 1) -> str:
    """Return a value as the text of an XML attribute."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return " ".join(value)
    return str(value // scale) if isinstance(value, int) else str(value)


def to_json(value: Any) -> Any:
    """Return a value as JSON."""
    if isinstance(value, tuple):
        return [str(one) for one in value]
    return str(value) if isinstance(value, StrEnum) else value


def _checked(field: Field, value: Any, scale: int = 1) -> Any:
    if field.words:
        word = field.words.get(value) if isinstance(value, str) else None
        if word is None:
            raise ValueError(_problem(field, value))
        return word
    if type(value) is not field.kind or not _within(field, value):
        raise ValueError(_problem(field, value, scale))
    return value


def _within(field: Field, value: Any) -> bool:
    if type(value) is int:
        return field.least <= value <= field.most
    if type(value) is bool:
        return True
    if field.pattern is not None:
        return field.pattern.expression.fullmatch(value) is not None
    return NOT_TEXT.search(value) is None


def _problem(field: Field, value: Any, scale: int = 1) -> str:
    allowed = field.allowed
    if scale != 1:
        value = value // scale if type(value) is int else value
        allowed = f"a whole number from {field.least // scale} to {field.most // scale}"
    return f"{_shown(value)} is not allowed; allowed: {allowed}"


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return repr(value if len(value) <= MAX_QUOTED else f"{value[:MAX_QUOTED]}…")
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "an array"
    return json.dumps(value)
