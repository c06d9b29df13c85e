"""A reply on the bus to somebody who asked."""

from collections.abc import Mapping

from service.domain.immutable import immutable


@immutable
class Reply:
    """A message that is neither stored nor confirmed: who asked may be gone."""

    exchange: str
    routing_key: str
    body: bytes
    correlation_id: str | None = None
    headers: Mapping[str, str] | None = None
