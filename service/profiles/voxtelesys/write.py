"""How the profile writes a request: a form or JSON by its kind, and the query for GET."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from service.dialects.content import Content
from service.domain.webhook import Verb, Webhook
from service.profiles.profile import Members, RequestKind
from service.text.json_text import write_json

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"


def write(kind: RequestKind, members: Members, webhook: Webhook) -> Content:
    """Return the content; custom data overwrites members, and null removes one.

    In a form, and in the query of a GET, objects and lists are JSON text, as the vendor's `Vars`.
    """
    merged = {**members, **webhook.custom_data}
    kept = {key: value for key, value in merged.items() if value is not None}
    if webhook.verb is Verb.GET:
        return Content(FORM, _form(kept), in_query=True)
    return Content(JSON, write_json(kept)) if kind.in_json else Content(FORM, _form(kept))


def _form(members: Mapping[str, Any]) -> bytes:
    texts = {
        key: value if isinstance(value, str) else write_json(value).decode()
        for key, value in members.items()
    }
    return urlencode(texts).encode()
