"""The cost of people: ten who look at the console while a backlog is drained."""

import asyncio
import itertools
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import aiohttp
from pymongo import AsyncMongoClient

from service.bench.figures import ratios, spread
from service.bench.measurements.drain import ACCOUNTS, Backlog, drained, summary
from service.bench.setting.seed import one_each, store, webhook
from service.bench.setting.site import Site
from service.dev.process import ServiceProcess
from service.dev.servers import HOST
from service.management.token import new_token

DATABASE = "looked"
PAGE_EVERY_S = 5.0
"""Seconds that a person reads a page."""
PAGES = ("webhooks", "attempts", "webhooks?q=bench", "dead-letters", "hooks")
WEBHOOKS = 1000
"""Webhooks of the first account; the others have one."""
Cookies = Mapping[str, aiohttp.CookieJar]
"""Of somebody of each account, by account."""
LONGER = 5
"""Times the usual backlog, so that each person opens several pages."""
CSRF = re.compile(r'name="csrf" value="([^"]*)"')


async def lookers(site: Site) -> dict[str, Any]:
    """Measure deliveries per second, in turns: nobody looks, and ten people do.

    They signed in before: a session lasts for hours. Who comes first alternates.
    """
    urls = site.sink.urls()
    quiet = (webhook(ACCOUNTS[0], urls[0], hook="channel_hold") for _ in range(WEBHOOKS - 1))
    await store(site.mongo_url, DATABASE, [*one_each(ACCOUNTS, urls), *quiet])
    cookies = await _signed_in(site, await _tokens(site.mongo_url))
    backlog = Backlog(ACCOUNTS, LONGER * site.effort.events)
    alone, beside, opened = [], [], 0
    for pair in range(1, site.effort.pairs + 1):
        for with_people in (False, True) if pair % 2 else (True, False):
            service = site.eager_service(DATABASE)
            if not with_people:
                alone.append(await drained(site, backlog, service))
                continue
            async with _people(service, cookies) as pages:
                beside.append(await drained(site, backlog, service))
            opened += len(pages)
        site.tell(
            f"pair {pair} of {site.effort.pairs}: alone {alone[-1].speed.per_s:.0f}/s, "
            f"with ten people {beside[-1].speed.per_s:.0f}/s, {len(pages)} pages"
        )
    ratio = ratios([run.speed.per_s for run in beside], [run.speed.per_s for run in alone])
    figures = {"alone": summary(alone), "beside": summary(beside), "ratio": spread(ratio)}
    return {"lookers": figures | {"pages": opened}}


async def _tokens(mongo_url: str) -> Mapping[str, str]:
    """Write a token for each account; return them by account."""
    tokens = {}
    async with AsyncMongoClient[Mapping[str, Any]](mongo_url) as client:
        for account_id in ACCOUNTS:
            tokens[account_id], kept = new_token(account_id, datetime.now(UTC))
            document = {"_id": kept.token_id, **asdict(kept)}
            await client[DATABASE]["tokens"].insert_one(document)
    return tokens


async def _signed_in(site: Site, tokens: Mapping[str, str]) -> Cookies:
    """Sign in with each token; return the cookies by account."""
    cookies = {}
    async with site.service(DATABASE) as service:
        for account_id, token in tokens.items():
            cookies[account_id] = aiohttp.CookieJar(unsafe=True)
            async with aiohttp.ClientSession(cookie_jar=cookies[account_id]) as session:
                await _sign_in(session, _console(service), token)
    return cookies


async def _sign_in(session: aiohttp.ClientSession, console: str, token: str) -> None:
    async with session.get(f"{console}/sign-in") as response:
        found = CSRF.search(await response.text())
    fields = {"csrf": found[1] if found else "", "token": token, "next": ""}
    async with session.post(f"{console}/sign-in", data=fields) as response:
        response.raise_for_status()


def _console(service: ServiceProcess) -> str:
    return f"http://{HOST}:{service.port}/console"


@asynccontextmanager
async def _people(service: ServiceProcess, cookies: Cookies) -> AsyncIterator[Sequence[str]]:
    """Have somebody of each account look until the end; yield the pages that were shown."""
    pages: list[str] = []
    looking = [
        asyncio.create_task(_look(service, *one, number * PAGE_EVERY_S / len(cookies), pages))
        for number, one in enumerate(cookies.items())
    ]
    try:
        yield pages
    finally:
        for task in looking:
            task.cancel()
        await asyncio.gather(*looking, return_exceptions=True)


async def _look(
    service: ServiceProcess,
    account_id: str,
    cookies: aiohttp.CookieJar,
    after_s: float,
    pages: list[str],
) -> None:
    """Open a page every `PAGE_EVERY_S` seconds; the service may not be up yet."""
    await asyncio.sleep(after_s)
    async with aiohttp.ClientSession(cookie_jar=cookies) as session:
        for page in itertools.cycle(PAGES):
            with suppress(aiohttp.ClientConnectionError):
                url = f"{_console(service)}/accounts/{account_id}/{page}"
                async with session.get(url, allow_redirects=False) as response:
                    await response.read()
                    if response.status == 200:
                        pages.append(page)
            await asyncio.sleep(PAGE_EVERY_S)
