"""A person before a browser, and the stage that all of them look at."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import ConsoleMessage, Dialog, Page

from service.dev.receiver import Receiver
from tests.api_client import Client, make_token
from tests.e2e.shared_service import SharedService

SERIOUS = ("serious", "critical")
TOO_WIDE = "document.documentElement.scrollWidth > document.documentElement.clientWidth"


@dataclass
class Stage:
    """The service, a receiver, and the port of the one portal that may frame the console."""

    shared: SharedService
    receiver: Receiver
    portal_port: int

    async def tenant(self) -> Client:
        """Return a client of an account that nobody used before."""
        return await self.shared.tenant()

    async def operator_token(self) -> str:
        return await make_token(self.shared.database, None)


@dataclass
class Person:
    """Uses one browser. `complaints` are errors that the browser reported."""

    page: Page
    stage: Stage
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", self._note)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", self._dismiss)

    def _note(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.text} at {self.page.url}")

    async def _dismiss(self, dialog: Dialog) -> None:
        self.complaints.append(f"a script ran: {dialog.message}")
        await dialog.dismiss()

    async def open(self, path: str) -> None:
        """Go to a path of the service; a page that is not there fails."""
        response = await self.page.goto(f"{self.stage.shared.url}{path}")
        assert response is not None
        assert response.status == 200, (path, response.status)

    async def sign_in(self, token: str | None) -> None:
        await self.open("/console/sign-in")
        await self.page.get_by_label("API token").fill(token or "")
        await self.page.get_by_role("button", name="Sign in").click()
        await self.page.get_by_role("button", name="Sign out").wait_for()

    async def press(self, name: str) -> None:
        await self.page.get_by_role("button", name=name).click()

    async def follow(self, name: str) -> None:
        await self.page.get_by_role("link", name=name, exact=True).first.click()

    async def sees(self, text: str) -> None:
        await self.page.get_by_text(text).first.wait_for(timeout=10_000)

    async def faults(self, *rules: str) -> list[str]:
        """Return the serious faults that axe-core finds on the page, by these rules or by all."""
        chosen = {"runOnly": list(rules)} if rules else {}
        options = {"resultTypes": ["violations"], **chosen}
        found: Any = (await Axe().run(self.page, options=options)).response
        return [
            f"{one['id']}: {node['html'][:200]} {node['failureSummary'][:300]}"
            for one in found["violations"]
            if one["impact"] in SERIOUS
            for node in one["nodes"]
        ]


People = Callable[..., Awaitable[Person]]
