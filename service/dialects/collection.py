"""An API for webhooks that the customers of a switch know, served beside our own."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

Document = Mapping[str, Any]


class WebhookCollection(Protocol):
    """The forms of a switch's collection of webhooks; the API serves it by the same use cases.

    The collection is at `path`: POST creates, GET lists; and below it by id: GET, PUT, DELETE.
    """

    @property
    def path(self) -> str:
        """The path of the collection."""

    @property
    def source(self) -> str:
        """The dialect whose webhooks it lists."""

    @property
    def token_names(self) -> Sequence[str]:
        """Names of the query parameters and cookies that may carry a token."""

    @property
    def account_parameter(self) -> str:
        """The query parameter in which a superuser names the account."""

    def members(self, body: Document) -> dict[str, Any]:
        """Return a webhook's members in our words. Raises Invalid."""

    def shown(self, document: Document, *, deleted: bool = False) -> dict[str, Any]:
        """Return a webhook's document in the switch's words."""

    def listed(self, documents: Sequence[Document]) -> dict[str, Any]:
        """Return the answer with several webhooks."""

    def failed(
        self, status: int, message: str, problems: Document, request_id: str
    ) -> dict[str, Any]:
        """Return the answer to a request that failed; `problems` are by field, then by code."""
