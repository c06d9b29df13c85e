"""Last arrow: from the dead-letter queue to where people list, understand and replay."""

from dataclasses import dataclass

from service.pipeline.envelope import unseal_letter
from service.pipeline.patience import Patience
from service.ports import DeadLetterStore, Incoming


@dataclass(frozen=True, slots=True)
class BurialWork:
    """Settles one dead letter: it is in the store after it. The queue is its safe place until."""

    store: DeadLetterStore
    patience: Patience

    async def __call__(self, incoming: Incoming) -> None:
        """File the letter. Raises RejectedMessage where it is none of ours."""
        letter = unseal_letter(incoming.body)
        await self.patience.until_available(lambda: self.store.file(letter))
