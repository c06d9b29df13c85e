"""A real Chromium, a service of its own, and people who sit before it."""

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, async_playwright

from service.dev.receiver import Receiver
from service.dev.servers import HOST, MongoServer, free_port
from tests.browser.people import Person, Stage
from tests.conftest import NewVhost
from tests.e2e.shared_service import LOCAL, QUICK, UNHURRIED, running_stage

NAMES = ("chromium", "chromium-browser", "google-chrome")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--screenshots", type=Path, help="directory for a picture of every page")


@pytest.fixture(scope="session")
def pictures(request: pytest.FixtureRequest) -> Path | None:
    directory: Path | None = request.config.getoption("--screenshots", None)
    if directory is not None:
        directory.mkdir(parents=True, exist_ok=True)
    return directory


@pytest.fixture(scope="session")
async def chromium() -> AsyncIterator[Browser]:
    program = next(filter(None, map(shutil.which, NAMES)), None)
    assert program, "no Chromium: as root, apt-get install chromium"
    async with async_playwright() as playwright:
        # Root, as in a container of CI, may not use Chromium's own sandbox.
        browser = await playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        await browser.close()


@pytest.fixture(scope="session")
async def stage(
    new_vhost: NewVhost, store: MongoServer, directory: Path, numbers: Iterator[int]
) -> AsyncIterator[Stage]:
    """A service whose console may be framed by one origin, and a receiver for all tests."""
    name, portal = f"browser{next(numbers)}", free_port()
    own = {
        "SWITCHHOOK_AMQP__URL": await new_vhost(),
        "SWITCHHOOK_MONGO__URL": store.url,
        "SWITCHHOOK_MONGO__DATABASE": name,
        "SWITCHHOOK_CONSOLE__FRAME_ANCESTORS": f'["http://{HOST}:{portal}"]',
        "SWITCHHOOK_DISABLE__FAILURE_COUNT": "3",
        "SWITCHHOOK_BREAKER__FAILURE_COUNT": "10000",
    }
    settings: dict[str, str] = {**LOCAL, **QUICK, **UNHURRIED, **own}
    async with Receiver() as receiver, running_stage(directory / name, settings) as shared:
        yield Stage(shared, receiver, portal)


@pytest.fixture
async def people(chromium: Browser, stage: Stage) -> AsyncIterator[Any]:
    """Open browsers for people; an error in the console of any of them fails the test."""
    opened: list[Person] = []

    async def open_browser(**options: Any) -> Person:
        context = await chromium.new_context(**options)
        person = Person(await context.new_page(), stage)
        opened.append(person)
        return person

    yield open_browser
    for person in opened:
        await person.page.context.close()
    assert [text for person in opened for text in person.complaints] == []
