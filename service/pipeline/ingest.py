"""First arrow: from a message to its events, each with the account it belongs to."""

from collections.abc import Mapping

from service.domain.event import Event, Message
from service.ports import Decoder, Directory, Incoming


class Ingest:
    """Decodes messages and finds the accounts of events that do not name theirs.

    `sources` tells by exchange which source a message is from; a message from elsewhere, such as
    one a person moved into the queue, is taken to be from `default`.
    """

    def __init__(
        self,
        decoders: Mapping[str, Decoder],
        sources: Mapping[str, str],
        default: str,
        directory: Directory,
    ) -> None:
        self._decoders = decoders
        self._sources = sources
        self._default = default
        self._directory = directory

    async def events(self, incoming: Incoming) -> tuple[Event, ...]:
        """Return what a message tells of.

        Raises RejectedMessage where it cannot be understood, StoreUnavailable where the owner of a
        dialled number must be looked up and cannot.
        """
        message = Message(
            self._sources.get(incoming.exchange, self._default),
            incoming.exchange,
            incoming.routing_key,
            incoming.body,
            incoming.content_encoding,
        )
        decoder = self._decoders[message.source]
        events = decoder.decode(message)
        number = next((event.dialled_number for event in events if event.dialled_number), None)
        if number is None:
            return events
        owner = await self._directory.account_of_number(number)
        return events if owner is None else decoder.decode(message, owner)
