"""A browser without a screen, for tests of the console over HTTP."""

import re
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from yarl import URL

from tests.api_client import Client

HOSTILE = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>"
CSRF = re.compile(r'name="csrf" value="([^"]*)"')
SCRIPTED = re.compile(r"<script(?! type=\"module\" src=\"/console/static/)|<img src=x")


@dataclass
class Browser:
    """Asks as a browser does, with its cookies; redirects are followed where a page wants them."""

    session: aiohttp.ClientSession
    url: str
    cookies: dict[str, str] = field(default_factory=dict)
    csrf: str = ""

    async def ask(self, method: str, path: str, **more: Any) -> aiohttp.ClientResponse:
        headers = {"Cookie": "; ".join(f"{k}={v}" for k, v in self.cookies.items())}
        headers |= more.pop("headers", {})
        to = URL(f"{self.url}{path}", encoded=True)
        async with self.session.request(
            method, to, headers=headers, allow_redirects=False, **more
        ) as response:
            await response.read()
        for line in response.headers.getall("Set-Cookie", []):
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies[name] = value
        return response

    async def page(self, path: str, status: int = 200) -> str:
        response = await self.ask("GET", path)
        text = await response.text()
        assert response.status == status, (path, response.status, text[-2000:])
        found = CSRF.search(text)
        self.csrf = found[1] if found else self.csrf
        assert not SCRIPTED.search(text), SCRIPTED.search(text)
        return text

    async def send(self, path: str, **fields: str) -> aiohttp.ClientResponse:
        return await self.ask("POST", path, data={"csrf": self.csrf, **fields})

    async def sign_in(self, token: str) -> aiohttp.ClientResponse:
        await self.page("/console/sign-in")
        return await self.send("/console/sign-in", token=token, next="")


async def signed_in(browser: Browser, token: str | None) -> Browser:
    response = await browser.sign_in(token or "")
    assert (response.status, response.headers["Location"]) == (303, "/console/")
    return browser


def of(client: Client, path: str) -> str:
    return f"/console/accounts/{client.account_id}/{path}"
