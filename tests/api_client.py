"""A client of the management API, for tests: one token, one account, answers with their headers."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from io import BytesIO
from typing import Any, NamedTuple

import aiohttp
import orjson

from service.management.token import new_token
from tests.conftest import Documents


class Reply(NamedTuple):
    """What the API answered."""

    status: int
    envelope: Any
    headers: Mapping[str, str]

    @property
    def data(self) -> Any:
        return self.envelope["data"]


@dataclass(frozen=True)
class Client:
    """Asks a running service; a path without a leading slash is one below the account's."""

    session: aiohttp.ClientSession
    url: str
    token: str | None
    account_id: str

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        raw: bytes | None = None,
    ) -> Reply:
        """Send `raw`, or `body` as JSON, exactly as given: nothing is wrapped in `data`."""
        # Python's own encoder has no limits for numbers.
        sent = raw if raw is not None or body is None else json.dumps(body).encode()
        given = dict(headers or {})
        if self.token is not None:
            given.setdefault("X-Auth-Token", self.token)
        if sent is not None:
            given.setdefault("Content-Type", "application/json")
        where = path if path.startswith("/") else f"/v2/accounts/{self.account_id}/{path}"
        params = {key: str(value) for key, value in (query or {}).items()}
        async with self.session.request(
            method,
            f"{self.url}{where}",
            params=params,
            data=None if sent is None else BytesIO(sent),
            headers=given,
        ) as response:
            text = await response.read()
            return Reply(response.status, orjson.loads(text), response.headers.copy())

    async def get(self, path: str, **query: Any) -> Reply:
        return await self.ask("GET", path, query=query)

    async def put(self, path: str, **members: Any) -> Reply:
        return await self.ask("PUT", path, {"data": members})

    async def post(self, path: str, **members: Any) -> Reply:
        return await self.ask("POST", path, {"data": members})

    async def patch(self, path: str, **members: Any) -> Reply:
        return await self.ask("PATCH", path, {"data": members})

    async def delete(self, path: str) -> Reply:
        return await self.ask("DELETE", path)

    async def create(self, uri: str, **members: Any) -> Any:
        """Create a webhook for the start of calls, unless told otherwise; return its document."""
        given = {"name": "crm", "hook": "channel_create", "format": "json", "uri": uri} | members
        reply = await self.put("webhooks", **given)
        assert reply.status == 201, reply.envelope
        return reply.data

    async def pages(self, path: str, **query: Any) -> list[list[Any]]:
        """Return all pages of a list, following `next_start_key`."""
        found: list[list[Any]] = []
        start: dict[str, Any] = {}
        while True:
            reply = await self.get(path, **query, **start)
            assert reply.status == 200, reply.envelope
            assert reply.envelope["page_size"] == len(reply.data)
            found.append(reply.data)
            if "next_start_key" not in reply.envelope:
                return found
            start = {"start_key": reply.envelope["next_start_key"]}


async def make_token(database: Documents, account_id: str | None, **rights: Any) -> str:
    """Write a token into the store, as the command does, and return its text."""
    now = rights.pop("now", datetime.now(UTC))
    text, kept = new_token(account_id, now, **rights)
    await database["tokens"].insert_one({"_id": kept.token_id, **asdict(kept)})
    return text


def problem(reply: Reply, field: str) -> Any:
    """Return what a validation error says of a field, by code."""
    envelope = reply.envelope
    assert reply.status == 400, envelope
    assert (envelope["status"], envelope["error"]) == ("error", "400")
    assert envelope["message"] == "validation error"
    assert envelope["request_id"] == reply.headers["X-Request-ID"]
    assert field in envelope["data"], envelope["data"]
    return envelope["data"][field]


def check_error(reply: Reply, status: int, message: str) -> None:
    """Hold an error that Crossbar has a word for against what it must look like."""
    assert (reply.status, reply.envelope["message"]) == (status, message), reply.envelope
    assert reply.envelope["error"] == str(status)
    assert reply.envelope["request_id"] == reply.headers["X-Request-ID"]
