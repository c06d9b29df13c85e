"""What the console asks of the API and of the running service."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from aiohttp import web

from service.domain.principal import Principal


class NextPage(Protocol):
    """Position of a list's part."""

    @property
    def next_start_key(self) -> str | None:
        """The start of the next part, or None at the end."""


class Reply(Protocol):
    """Answer of an operation."""

    @property
    def data(self) -> Any:
        """The data, as the API's description promises them."""

    @property
    def page(self) -> NextPage | None:
        """Position of a list's part."""

    @property
    def notes(self) -> Mapping[str, Any]:
        """Remarks on the request."""


class Operations(Protocol):
    """The API's operations, with its checks of rights and values."""

    async def call(
        self,
        principal: Principal,
        name: str,
        path: Mapping[str, str],
        query: Mapping[str, str],
        body: Mapping[str, Any],
    ) -> Reply:
        """Return the answer. Raises what the API answers with an error."""


class Gate(Protocol):
    """The API's limit of requests."""

    def count(self, name: str) -> None:
        """Count a request against a name. Raises TooManyRequests."""

    def give_back(self, name: str) -> None:
        """Undo one `count`."""

    def guess_of(self, request: web.Request) -> str:
        """Return the name that requests with unproven credentials count for."""

    def over_tls(self, request: web.Request) -> bool:
        """Return whether the person's browser reached us, or our proxy, by https."""


@dataclass(frozen=True, slots=True)
class SettingInForce:
    """A setting, its value as text with secrets hidden, and where the value came from."""

    key: str
    value: str
    origin: str
    changed: bool


@dataclass(frozen=True, slots=True, repr=False)
class Watched:
    """The running service as its operator looks at it."""

    live: Callable[[], Awaitable[Mapping[str, str]]]
    ready: Callable[[], Awaitable[Mapping[str, str]]]
    holders: Callable[[], Awaitable[Mapping[str, Any]]]
    backlogs: Callable[[], Awaitable[Mapping[str, int]]]
    """Messages waiting in each queue, by its name. Raises BrokerUnavailable."""
    settings: Sequence[SettingInForce]
