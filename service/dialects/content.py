"""Content of a request, and the writer of the contents of one event."""

from typing import Protocol

from service.domain.immutable import immutable
from service.domain.webhook import Webhook


@immutable
class Content:
    """Content of a request: the body, or the query that is appended to the URI."""

    content_type: str
    content: bytes
    in_query: bool = False


class ContentWriter(Protocol):
    """Writes the contents of one event's requests, each distinct one only once."""

    def content(self, webhook: Webhook) -> Content:
        """Return the content of the webhook's request for the event."""
