"""Read-only client for the parts of Crossbar, Kazoo's REST API, that a migration needs."""

import asyncio
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import aiohttp
import orjson
from yarl import URL

from service.domain.errors import CrossbarRefused, CrossbarUnavailable

Document = Mapping[str, Any]

REQUEST_TIMEOUT_S = 30.0
CONNECT_TIMEOUT_S = 5.0
BUSY = (429, 503)
PAUSES_S = (1.0, 2.0, 4.0, 8.0, 16.0)
"""Pauses before repeated requests: Crossbar limits the requests of each account by a budget that
refills with time."""


class CrossbarClient:
    """See `ports.Crossbar`. An async context manager; sends the token only to the given address."""

    def __init__(
        self, url: str, token: str, page_size: int, pauses_s: Sequence[float] = PAUSES_S
    ) -> None:
        self._base = url.rstrip("/").removesuffix("/v2")
        self._token = token
        self._page_size = page_size
        self._pauses_s = pauses_s

    async def __aenter__(self) -> Self:
        """Open a session, which connects with the first request."""
        self._session = aiohttp.ClientSession(
            headers={"X-Auth-Token": self._token, "Accept": "application/json"},
            timeout=aiohttp.ClientTimeout(total=REQUEST_TIMEOUT_S, sock_connect=CONNECT_TIMEOUT_S),
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close all connections."""
        await self._session.close()

    async def account(self, account_id: str) -> Document | None:
        """See `ports.Crossbar`."""
        return await self._document(f"accounts/{quote(account_id, safe='')}")

    async def ancestors(self, account_id: str) -> Sequence[str]:
        """See `ports.Crossbar`."""
        items = await self._listing(f"accounts/{quote(account_id, safe='')}/tree")
        return list(items or ())

    async def descendants(self, account_id: str) -> Sequence[Document]:
        """See `ports.Crossbar`."""
        items = await self._listing(f"accounts/{quote(account_id, safe='')}/descendants")
        return list((items or {}).values())

    async def webhooks(self, account_id: str) -> Sequence[Document] | None:
        """See `ports.Crossbar`. Only the listing has the reason why a webhook was disabled."""
        path = f"accounts/{quote(account_id, safe='')}/webhooks"
        summaries = await self._listing(path)
        if summaries is None:
            return None
        found = []
        for webhook_id, summary in summaries.items():
            document = await self._document(f"{path}/{quote(webhook_id, safe='')}")
            if document is not None:
                reason = {"disable_reason": summary.get("disable_reason")}
                found.append({**document, **reason, "id": webhook_id})
        return found

    async def _document(self, path: str) -> Document | None:
        envelope = await self._get(path, {})
        if envelope is None:
            return None
        data = envelope.get("data")
        if not isinstance(data, dict):
            raise CrossbarUnavailable(f"Crossbar's answer to {path} contains no document")
        return data

    async def _listing(self, path: str) -> dict[str, Document] | None:
        """Return all items by id, in order, or None if the path does not exist."""
        items: dict[str, Document] = {}
        keys: list[str] = []
        while True:
            start = {"start_key": keys[-1]} if keys else {}
            envelope = await self._get(path, {"page_size": str(self._page_size)} | start)
            if envelope is None:
                return None
            items |= _items(path, envelope)
            key = _next_key(envelope)
            if key is None:
                return items
            if key in keys:
                # Keys are names, not ids: a page full of one name repeats for ever.
                text = f"Crossbar repeats the pages of {path}; use a larger --page-size"
                raise CrossbarUnavailable(text)
            keys.append(key)

    async def _get(self, path: str, query: Mapping[str, str]) -> Document | None:
        status, body = await self._exchange(path, query)
        for pause_s in self._pauses_s:
            if status not in BUSY:
                break
            await asyncio.sleep(pause_s)
            status, body = await self._exchange(path, query)
        return _envelope(path, status, body)

    async def _exchange(self, path: str, query: Mapping[str, str]) -> tuple[int, bytes]:
        url = URL(f"{self._base}/v2/{path}", encoded=True).with_query(query)
        try:
            # A redirect would send the token to an address that the operator did not give.
            async with self._session.get(url, allow_redirects=False) as response:
                return response.status, await response.read()
        except TimeoutError:
            text = f"no answer from {self._base} within {REQUEST_TIMEOUT_S:g} s"
            raise CrossbarUnavailable(text) from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise CrossbarUnavailable(f"cannot reach Crossbar at {self._base}: {error}") from None


def _envelope(path: str, status: int, body: bytes) -> Document | None:
    """Return Crossbar's envelope, or None for a 404.

    Raises CrossbarRefused for 401 and 403, CrossbarUnavailable for any other failure.
    """
    if status == 401:
        raise CrossbarRefused("Crossbar does not accept the token (401); has it expired?")
    if status == 403:
        raise CrossbarRefused(f"the token may not read {path} (403)")
    try:
        envelope = orjson.loads(body)
    except orjson.JSONDecodeError:
        envelope = None
    if not isinstance(envelope, dict):
        text = f"the answer to {path} ({status}) is not from Crossbar; check --url"
        raise CrossbarUnavailable(text)
    if status == 404:
        return None
    if status != 200:
        text = str(envelope.get("message"))[:100]
        raise CrossbarUnavailable(f"Crossbar answered {status} to {path}: {text}")
    return envelope


def _items(path: str, envelope: Document) -> dict[str, Document]:
    data = envelope.get("data")
    if not isinstance(data, list) or not all(isinstance(item, dict) for item in data):
        raise CrossbarUnavailable(f"Crossbar's answer to {path} contains no list")
    return {item["id"]: item for item in data if isinstance(item.get("id"), str)}


def _next_key(envelope: Document) -> str | None:
    key = envelope.get("next_start_key")
    if key is None or key == "":
        return None
    return key if isinstance(key, str) else orjson.dumps(key).decode()
