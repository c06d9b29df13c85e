"""Last arrow: from the dead-letter queue to where people list, understand and replay."""

from dataclasses import dataclass

from service.pipeline.envelope import unseal_letters
from service.pipeline.progress import Progress
from service.pipeline.recovery.availability import Availability
from service.ports import DeadLetterStore, Incoming


@dataclass(frozen=True, slots=True)
class DeadLetterWork:
    """Settles dead letters: they are in the store after it. The queue is their safe place until."""

    store: DeadLetterStore
    availability: Availability

    async def __call__(self, incoming: Incoming, progress: Progress) -> None:
        """File the letters. Raises RejectedMessage where they are none of ours."""
        progress.begun = True
        letters = unseal_letters(incoming.body)
        await self.availability.until_available(lambda: self.store.file(letters))
