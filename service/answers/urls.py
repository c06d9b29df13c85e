"""Links of a document: every URL with its position, made absolute, and asked through us.

A document must be no way around the egress guard: whoever uses it has each of its links judged.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from operator import is_
from typing import Any
from urllib.parse import urljoin, urlsplit

import orjson

from service.answers.document import Document, Extra, Gather, Native
from service.answers.errors import BadAnswer, BadAnswerReason
from service.answers.fields import shape_of
from service.answers.members import json_text
from service.answers.values import VARIABLE, Method, Role
from service.answers.written import positioned
from service.domain.immutable import immutable

MAX_CHARACTERS = 2048
MOST_REMEMBERED = 1000
"""URLs that are remembered: documents name the same ones again and again."""
WRITTEN = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*://")
"""Start of a text of a native member that is taken for a URL."""
ASK_MEMBERS = ("voice_url", "event_url")
"""Native members whose URL returns the next document (Kazoo's pivot, VoIPBIN's fetch)."""
NOT_IN_URLS = re.compile(r"[\x00-\x20\x7f\\<>\"]")
METHODS = {"recording_status_callback": "recording_status_callback_method",
           "status_callback": "status_callback_method"}  # fmt: skip


@immutable
class Link:
    """URL in a document.

    `url` is absolute, `written` as it stands. `position` ends with the attribute:
    `Dial[1]/@action`. `method` is that of the request, if the form has one. `asked_if_empty` is
    False for the action of an input that is not asked without digits: the switch asks it all the
    same, and must be answered that the next step follows.
    """

    url: str
    written: str
    role: Role
    position: str
    method: Method | None = None
    asked_if_empty: bool = True


Rewrite = Callable[[Link], str]
"""Returns the URL to ask instead."""


def rewritten(document: Document, base: str, rewrite: Rewrite) -> tuple[Document, Sequence[Link]]:
    """Return a document that came from the URL `base` with absolute URLs, and its links.

    URLs that return documents are rewritten. Raises BadAnswer for the first URL that is none.
    """
    found: list[Link] = []

    def change(link: Link) -> str:
        found.append(link)
        return rewrite(link) if link.role is Role.ASK else link.url

    steps = _mapped_all(document.steps, "", _Visitor(base, change))
    return Document(steps, document.ignored), found


@immutable
class _Visitor:
    base: str
    change: Rewrite

    def attribute(self, step: Any, name: str, role: Role, position: str) -> str:
        written = getattr(step, name)
        where = f"{position}/@{name}"
        link = Link(
            resolved(self.base, written, where),
            written,
            role,
            where,
            getattr(step, METHODS.get(name, "method"), None),
            step.action_on_empty_result if isinstance(step, Gather) else True,
        )
        return self.change(link)

    def native(self, value: Any, position: str, name: str = "") -> Any:
        if isinstance(value, dict):
            return {key: self.native(one, f"{position}/{key}", key) for key, one in value.items()}
        if isinstance(value, list):
            return [
                self.native(one, f"{position}/{number}", name) for number, one in enumerate(value)
            ]
        if isinstance(value, str) and name in ASK_MEMBERS:
            return self.change(
                Link(resolved(self.base, value, position), value, Role.ASK, position)
            )
        if isinstance(value, str) and WRITTEN.match(value.strip()):
            return self.change(Link(value, value, Role.OTHER, position))
        return value


def resolved(base: str, url: str, position: str) -> str:
    """Return a URL of a document as absolute http or https URL (RFC 3986, section 5.2).

    Raises BadAnswer. A fragment is left out, as no request has one. Variables may stand in the path
    or the query, not in the host: the judge must see which host will be asked.
    """
    try:
        return _absolute(base, url)
    except ValueError as error:
        raise BadAnswer(BadAnswerReason.BAD_URL, f"{position}: {error}") from None


@lru_cache(maxsize=MOST_REMEMBERED)
def _absolute(base: str, url: str) -> str:
    """Return a URL as `resolved` does. Raises ValueError, which says why it cannot be used."""
    if len(url) > MAX_CHARACTERS or NOT_IN_URLS.search(url):
        raise ValueError(f"has blanks or quotes, or more than {MAX_CHARACTERS} characters")
    whole = urljoin(base, url).partition("#")[0]
    written, parts = urlsplit(url), urlsplit(whole)
    if written.scheme and not written.netloc:
        raise ValueError("has a scheme but no host")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be http or https, with a host")
    if VARIABLE in parts.netloc:
        raise ValueError("has a variable in its host")
    return whole


def _mapped_all(steps: tuple[Any, ...], position: str, visitor: _Visitor) -> tuple[Any, ...]:
    """Return the steps themselves where nothing in them changes."""
    made = tuple([_mapped(step, at, visitor) for at, step in positioned(steps, position)])
    return steps if all(map(is_, made, steps)) else made


def _mapped(step: Any, position: str, visitor: _Visitor) -> Any:
    """Return a step with its links changed, and those of the steps and members inside."""
    changes: dict[str, Any] = {}
    shape = shape_of(type(step))
    for name, role in shape.urls:
        if _has_link(step, name):
            changes[name] = visitor.attribute(step, name, role, position)
    for name in shape.nested:
        inner = getattr(step, name)
        if not inner:
            continue
        if isinstance(inner[0], Extra):
            changes[name] = tuple(_mapped_extra(extra, position, visitor) for extra in inner)
            continue
        mapped = _mapped_all(inner, position, visitor)
        if mapped is not inner:
            changes[name] = mapped
    if isinstance(step, Native):
        changes["data"] = json_text(visitor.native(orjson.loads(step.data), position))
    return replace(step, **changes) if changes else step


def _has_link(step: Any, name: str) -> bool:
    """Return whether an attribute is set; a `Play` of tones has an empty URL, which is none."""
    value = getattr(step, name)
    return value is not None and not (value == "" and getattr(step, "digits", ""))


def _mapped_extra(extra: Extra, position: str, visitor: _Visitor) -> Extra:
    value = visitor.native(orjson.loads(extra.value), f"{position}/{extra.name}", extra.name)
    return replace(extra, value=json_text(value))
