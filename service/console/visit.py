"""One request of a person: session, form, the operations, and the page to answer with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from aiohttp import web
from multidict import MultiDict

from service.console.addresses import url_of
from service.console.ports import Gate, Operations, Reply, Watched
from service.console.rendering import Templates
from service.dialects.dialect import Dialects
from service.domain.errors import Forbidden, NotFound
from service.domain.principal import Principal
from service.management.dead_letters import DeadLetters
from service.management.glance import Glance
from service.management.search import Search
from service.management.sessions import Session, Sessions


@dataclass(frozen=True, slots=True, repr=False)
class Console:
    """The parts that all pages share."""

    operations: Operations
    gate: Gate
    sessions: Sessions
    watched: Watched
    glance: Glance
    search: Search
    letters: DeadLetters
    dialects: Dialects
    pages: Templates
    frame_ancestors: Sequence[str]
    session_lifetime: timedelta
    body_timeout_s: float
    streams: "Streams"


@dataclass(slots=True)
class Streams:
    """Number of open live views of this process."""

    most: int = 20
    open: int = 0


@dataclass(frozen=True, slots=True)
class Visit:
    """A request with a session. `csrf` is the secret that its forms carry."""

    console: Console
    request: web.Request
    session: Session
    csrf: str
    form: MultiDict[str] = field(default_factory=MultiDict)

    @property
    def principal(self) -> Principal:
        """The person's rights."""
        return self.session.principal

    @property
    def account_id(self) -> str | None:
        """The account in the path, if any."""
        return self.request.match_info.get("account_id")

    @property
    def query(self) -> dict[str, str]:
        """The query without empty values, as forms send those of fields left blank."""
        return {key: value.strip() for key, value in self.request.query.items() if value.strip()}

    async def ask(
        self,
        name: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        **path: str,
    ) -> Reply:
        """Return the answer of an operation for the path of this page. Raises the API's errors.

        An account that the person may not see counts as missing, so that no id can be tried out.
        """
        whole = {**self.request.match_info, **path}
        try:
            return await self.console.operations.call(
                self.principal, name, whole, query or {}, body or {}
            )
        except Forbidden as error:
            if str(error) == "forbidden":
                raise NotFound(whole.get("account_id", "page")) from None
            raise

    def check_operator(self) -> None:
        """Raise NotFound unless the person is an operator."""
        if not self.principal.superuser:
            raise NotFound("page")

    def page(self, template: str, status: int = 200, **values: Any) -> web.Response:
        """Return a page; see the templates for the values."""
        common = {"visit": self, "account_id": self.account_id, "path": self.request.path}
        text = self.console.pages.render(template, **{**common, **values})
        return web.Response(text=text, status=status, content_type="text/html")

    def to(self, *parts: str, **query: str) -> web.Response:
        """Return a redirect to a page of the account."""
        return redirect(self.url(*parts, **query))

    def url(self, *parts: str, **query: str) -> str:
        """Return the URL of a page of the account in the path."""
        return url_of("accounts", self.account_id or "", *parts, **query)


def redirect(url: str) -> web.Response:
    """Return a redirect that makes the browser ask with GET."""
    return web.Response(status=303, headers={"Location": url})
