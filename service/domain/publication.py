"""A message for an exchange of the switch."""

from service.domain.immutable import immutable


@immutable
class Publication:
    """A message that is published as the switch's own services publish."""

    exchange: str
    routing_key: str
    body: bytes
    wanted: bool = False
    """Whether one of our queues must receive it."""
