"""First arrow: from a message to its events, each with the account it belongs to."""

from service.dialects.dialect import Dialects
from service.domain.event import Event, Message
from service.ports import Directory, Incoming


class Ingest:
    """Decodes messages; looks up the account of an event by its dialled number where needed."""

    def __init__(self, dialects: Dialects, directory: Directory) -> None:
        self._dialects = dialects
        self._directory = directory

    async def events(self, incoming: Incoming) -> tuple[Event, ...]:
        """Return the events of a message.

        Raises RejectedMessage where it cannot be understood, StoreUnavailable where the owner of a
        dialled number must be looked up and cannot.
        """
        dialect = self._dialects.of_exchange(incoming.exchange)
        message = Message(
            dialect.name,
            incoming.exchange,
            incoming.routing_key,
            incoming.body,
            incoming.content_encoding,
        )
        events = dialect.decoder.decode(message)
        number = next((event.dialled_number for event in events if event.dialled_number), None)
        if number is None:
            return events
        owner = await self._directory.account_of_number(number)
        return events if owner is None else dialect.decoder.decode(message, owner)
