"""Attempts: all of an account, one side by side, and those of a webhook live."""

import asyncio
import itertools
import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from aiohttp import web

from service.console.curl import curl_of
from service.console.guarding import SESSION_COOKIE
from service.console.pages.filters import ATTEMPTS, asked, listed
from service.console.visit import Visit
from service.domain.delivery import Outcome
from service.domain.errors import (
    Conflict,
    NotFound,
    SwitchhookError,
    TooManyRequests,
    Unavailable,
)

ON_A_PAGE = 50
MOST_OF_A_DELIVERY = 50
LOOK_EVERY_S = 2.0
RESUME_EVERY = 5
STREAM_S = 600.0
MOST_NEW = 25
RETRY_S = 10.0

Attempt = Mapping[str, Any]

log = structlog.get_logger(__name__)


async def table(visit: Visit) -> web.StreamResponse:
    """Show the attempts of all webhooks."""
    attempts = await listed(visit, "listAttempts", ATTEMPTS, ON_A_PAGE)
    return visit.page("attempts.html", attempts=attempts, outcomes=list(Outcome))


async def one(visit: Visit) -> web.StreamResponse:
    """Show an attempt, and all attempts of its delivery."""
    attempt = (await visit.ask("getAttempt")).data
    try:
        webhook = (await visit.ask("getWebhook")).data
    except NotFound:
        webhook = None
    return visit.page(
        "attempt.html",
        attempt=attempt,
        webhook=webhook,
        siblings=await _siblings(visit, attempt),
        curl=curl_of(attempt),
        done=visit.query.get("done"),
        problem="",
    )


async def _siblings(visit: Visit, attempt: Attempt) -> Sequence[Attempt]:
    """Return the attempts of the same delivery, the first one first."""
    query = {"filter_delivery_id": attempt["delivery_id"], "page_size": str(MOST_OF_A_DELIVERY)}
    try:
        reply = await visit.ask("listWebhookAttempts", query=query)
    except Unavailable:
        return [attempt]
    return list(reversed(reply.data)) or [attempt]


async def replay(visit: Visit) -> web.StreamResponse:
    """Have the delivery of an attempt sent again."""
    try:
        await visit.ask("replayAttempt")
    except (Conflict, NotFound) as error:
        text = str(error) if isinstance(error, Conflict) else "The webhook was deleted."
        return await _not_replayed(visit, text)
    ids = visit.request.match_info
    return visit.to("webhooks", ids["webhook_id"], "attempts", ids["attempt_id"], done="replayed")


async def _not_replayed(visit: Visit, text: str) -> web.StreamResponse:
    attempt = (await visit.ask("getAttempt")).data
    return visit.page(
        "attempt.html",
        409,
        attempt=attempt,
        webhook=None,
        siblings=await _siblings(visit, attempt),
        curl=curl_of(attempt),
        done=None,
        problem=text,
    )


async def live(visit: Visit) -> web.StreamResponse:
    """Stream the rows of new attempts of a webhook as server-sent events.

    The browser asks again, from the last id it has, after `STREAM_S`. A process serves a bounded
    number of streams, as each asks the store every `LOOK_EVERY_S`.
    """
    streams = visit.console.streams
    if streams.open >= streams.most:
        raise TooManyRequests(RETRY_S, streams.most)
    last = visit.request.headers.get("Last-Event-ID") or visit.query.get("after", "")
    newest = await _newer(visit, last, None)
    streams.open += 1
    try:
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        )
        await response.prepare(visit.request)
        await _stream(visit, response, last, newest)
    except (ConnectionError, SwitchhookError) as error:
        # The browser has gone, or the session has ended: both end the stream.
        log.debug("console.stream_ended", reason=type(error).__name__)
    finally:
        streams.open -= 1
    return response


async def _stream(
    visit: Visit, response: web.StreamResponse, last: str, newest: Sequence[Attempt]
) -> None:
    deadline = time.monotonic() + STREAM_S
    since: str | None = None
    for look in itertools.count(1):
        if time.monotonic() > deadline:
            return
        for attempt in newest:
            last, since = str(attempt["id"]), attempt["started_at"]
            row = visit.page("attempt_row.html", attempt=attempt).text or ""
            await response.write(f"id: {last}\ndata: {json.dumps(row)}\n\n".encode())
        if not newest:
            await response.write(b": waiting\n\n")
        await asyncio.sleep(LOOK_EVERY_S)
        try:
            if look % RESUME_EVERY == 0:
                # The session may have ended since, by revoking its token for one.
                await visit.console.sessions.resume(visit.request.cookies[SESSION_COOKIE])
            newest = await _newer(visit, last, since)
        except Unavailable:
            newest = ()


async def _newer(visit: Visit, last: str, since: str | None) -> Sequence[Attempt]:
    """Return the attempts after one, the oldest first; `since` is its time, if it is known."""
    query = asked(visit.query, {key: ATTEMPTS[key] for key in ("result", "outcome", "call_id")})
    query |= {"page_size": str(MOST_NEW)} | ({} if since is None else {"created_from": since})
    reply = await visit.ask("listWebhookAttempts", query=query)
    return [attempt for attempt in reversed(reply.data) if str(attempt["id"]) > last]
