"""Last arrow: from the dead-letter queue to the store, where people list and replay."""

from dataclasses import dataclass

from service.pipeline.envelope import unseal_letters
from service.pipeline.progress import Progress
from service.pipeline.recovery.availability import Availability
from service.ports import DeadLetterStore, Incoming


@dataclass(frozen=True, slots=True)
class DeadLetterWork:
    """Settles dead letters by filing them in the store; the queue holds them until then."""

    store: DeadLetterStore
    availability: Availability

    async def __call__(self, incoming: Incoming, progress: Progress) -> None:
        """File the letters. Raises RejectedMessage for foreign messages."""
        progress.begun = True
        letters = unseal_letters(incoming.body)
        await self.availability.until_available(lambda: self.store.file(letters))
