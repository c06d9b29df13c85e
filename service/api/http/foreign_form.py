"""Requests and answers in the form of a switch's own API; see `dialects.collection`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from service.api.http.envelope import ALWAYS
from service.api.http.errors import Failure
from service.api.http.operation import Answer
from service.dialects.collection import WebhookCollection
from service.text.json_text import write_json


@dataclass(frozen=True, slots=True)
class ForeignForm:
    """See `operation.Form`."""

    collection: WebhookCollection

    def token(self, request: web.Request) -> str | None:
        """Return the token in the query or in a cookie, where the switch's own clients put it."""
        for name in self.collection.token_names:
            token = request.query.get(name) or request.cookies.get(name)
            if token and token.isascii():
                return token
        return None

    def success(self, answer: Answer, request_id: str) -> web.Response:
        """Return the data alone."""
        return _response(answer.data, answer.status, request_id)

    def failure(self, failed: Failure, request_id: str) -> web.Response:
        """Return the problems in the switch's words."""
        told = self.collection.failed(failed.status, failed.message, failed.data, request_id)
        return _response(told, failed.status, request_id, failed.headers)


def _response(
    data: Any, status: int, request_id: str, headers: Mapping[str, str] | None = None
) -> web.Response:
    return web.Response(
        body=write_json(data),
        status=status,
        content_type="application/json",
        headers={**ALWAYS, **(headers or {}), "X-Request-ID": request_id},
    )
