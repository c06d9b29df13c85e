"""The envelope of every answer, as in Crossbar."""

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

import orjson
from aiohttp import web

from service import __version__
from service.api.http.errors import Failure
from service.api.http.operation import Answer
from service.text.json_text import write_json

NAME = "switchhook"
ALWAYS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    # Replaces aiohttp's header, which reveals the versions of aiohttp and Python.
    "Server": NAME,
}


def success(
    answer: Answer, request_id: str, notes: Mapping[str, Any], *, authenticated: bool
) -> web.Response:
    """Return the answer in its envelope. `version` is for authenticated calls, as in Crossbar."""
    envelope: dict[str, Any] = {"data": answer.data, "status": "success", **_common(request_id)}
    if answer.data not in ([], None):
        envelope["revision"] = revision_of(answer.data)
    if authenticated:
        envelope["version"] = __version__
    if answer.page is not None:
        envelope |= _page(answer)
    if notes:
        envelope["metadata"] = dict(notes)
    headers = {} if answer.location is None else {"Location": answer.location}
    if "revision" in envelope:
        headers["ETag"] = f'"{envelope["revision"]}"'
    return _response(envelope, answer.status, request_id, headers)


def failure(failed: Failure, request_id: str) -> web.Response:
    """Return an error in its envelope."""
    envelope = {
        "data": failed.data,
        "error": str(failed.status),
        "message": failed.message,
        "status": "error",
        **_common(request_id),
    }
    return _response(envelope, failed.status, request_id, failed.headers)


def new_request_id() -> str:
    """Return an id for an answer, and for all log lines about its request."""
    return uuid.uuid4().hex


def revision_of(data: Any) -> str:
    """Return a hash that changes whenever the data does."""
    return blake2b(write_json(data, orjson.OPT_SORT_KEYS), digest_size=16).hexdigest()


def _common(request_id: str) -> dict[str, str]:
    at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"request_id": request_id, "timestamp": at, "node": NAME}


def _page(answer: Answer) -> dict[str, Any]:
    page = answer.page
    if page is None:
        return {}
    keys = {"start_key": page.start_key, "next_start_key": page.next_start_key}
    return {"page_size": len(answer.data)} | {key: v for key, v in keys.items() if v is not None}


def _response(
    envelope: Mapping[str, Any], status: int, request_id: str, headers: Mapping[str, str]
) -> web.Response:
    return web.Response(
        body=write_json(envelope),
        status=status,
        content_type="application/json",
        headers={**ALWAYS, **headers, "X-Request-ID": request_id},
    )
