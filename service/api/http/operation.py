"""An operation of the API: one declaration for the router, the checks and the description."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any, Protocol, TypeVar

from aiohttp import web
from pydantic import BaseModel

from service.api.http.errors import Failure
from service.domain.principal import Principal


class Access(Enum):
    """Access that an operation requires."""

    OPEN = auto()
    READ = auto()
    WRITE = auto()
    OPERATE = auto()
    """Reading what concerns all accounts: a superuser's token."""
    COMMAND = auto()
    """Changing what concerns all accounts: a superuser's token that may write."""

    @property
    def writes(self) -> bool:
        """Whether a token that may only read is refused."""
        return self in (Access.WRITE, Access.COMMAND)

    @property
    def of_operators(self) -> bool:
        """Whether only a superuser's token is accepted."""
        return self in (Access.OPERATE, Access.COMMAND)


@dataclass(frozen=True, slots=True)
class Page:
    """The part of a list in an answer."""

    size: int
    start_key: str | None
    next_start_key: str | None


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer to a call: `data` becomes the envelope's `data`, `notes` go into its metadata.

    Only a bare answer has further `headers`.
    """

    data: Any
    status: int = 200
    page: Page | None = None
    location: str | None = None
    notes: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ApiCall:
    """One request, authenticated and validated. `query` and `body` are the operation's models."""

    principal: Principal
    path: Mapping[str, str]
    query: Any
    body: Any
    raw_query: Mapping[str, str]

    @property
    def account_id(self) -> str:
        """The account in the path."""
        return self.path["account_id"]

    @property
    def webhook_id(self) -> str:
        """The webhook in the path."""
        return self.path["webhook_id"]

    @property
    def own_only(self) -> bool:
        """Whether events of accounts below must be left out."""
        return not self.principal.reaches_below


class NoQuery(BaseModel):
    """No parameters."""


Handler = Callable[[ApiCall], Awaitable[Answer]]
Below = Callable[[ApiCall], Awaitable[bool]]
"""Returns whether a call concerns accounts below the one in the path."""


async def never(_: ApiCall) -> bool:
    """Declare that an operation concerns the account in the path alone."""
    return False


async def always(_: ApiCall) -> bool:
    """Declare that an operation concerns all accounts below as well."""
    return True


@dataclass(frozen=True, slots=True)
class Operation:
    """A method on a path.

    `data` is the model of the answer's data; `example` is a body that works. `also` are further
    statuses of success. A `bare` answer has no envelope. With a `form`, requests and answers have
    the form of another API.

    `access` and `below` are the rights that a call needs; `api.http.gatekeeper` judges them.
    """

    method: str
    path: str
    handler: Handler
    summary: str
    data: Any
    access: Access = Access.READ
    query: type[BaseModel] = NoQuery
    body: type[BaseModel] | None = None
    example: Mapping[str, Any] | None = None
    status: int = 200
    paged: bool = False
    also: Sequence[int] = ()
    bare: bool = False
    name: str = ""
    """The operation's name in generated clients: a verb and a noun."""
    tag: str = ""
    """The operation's group, one of `openapi.TAGS`."""
    errors: Sequence[int] = ()
    below: Below = never
    streams: bool = False
    """Whether `Answer.data` is an `api.http.event_stream.EventSource`."""
    form: "Form | None" = None
    noted: bool = False
    """Whether answers have notes without a body in the request."""


class Form(Protocol):
    """The form of requests and answers of an API other than our own."""

    def token(self, request: web.Request) -> str | None:
        """Return the token of a request."""

    def success(self, answer: Answer, request_id: str) -> web.Response:
        """Return a good answer."""

    def failure(self, failed: Failure, request_id: str) -> web.Response:
        """Return an error."""


F = TypeVar("F", bound=Callable[..., Awaitable[Answer]])
DECLARED = "__operations__"


def operation(
    method: str,
    path: str,
    *,
    name: str,
    tag: str,
    data: Any,
    below: Below | str = never,
    **more: Any,
) -> Callable[[F], F]:
    """Declare that a method of a handler class answers a path; keywords are `Operation`'s members.

    The first line of the method's docstring is the summary. `below` may name another method.
    """
    declared = {"method": method, "path": path, "name": name, "tag": tag, "data": data, **more}

    def declare(handler: F) -> F:
        known = getattr(handler, DECLARED, ())
        setattr(handler, DECLARED, ({**declared, "below": below}, *known))
        return handler

    return declare


def operations_of(*groups: object) -> list[Operation]:
    """Return the operations that these handlers declare.

    Paths with a parameter come after those without: the router takes the first match.
    """
    found = [
        _operation(handlers, name, declared)
        for handlers in groups
        for name, method in vars(type(handlers)).items()
        for declared in getattr(method, DECLARED, ())
    ]
    return sorted(found, key=lambda one: [part.startswith("{") for part in one.path.split("/")])


def _operation(handlers: object, name: str, declared: Mapping[str, Any]) -> Operation:
    handler, below = getattr(handlers, name), declared["below"]
    summary = (handler.__doc__ or "").partition("\n")[0].removesuffix(".")
    if isinstance(below, str):
        below = getattr(handlers, below)
    return Operation(**{**declared, "handler": handler, "summary": summary, "below": below})
