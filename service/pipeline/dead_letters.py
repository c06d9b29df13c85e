"""Last arrow: from the dead-letter queue to the store, where people list and replay."""

import asyncio
from collections.abc import Sequence

from service.domain.delivery import DeadLetter
from service.pipeline.envelope import unseal_letters
from service.pipeline.progress import Progress
from service.pipeline.recovery.availability import Availability
from service.ports import DeadLetterStore, Incoming

MOST_TOGETHER = 100
"""Letters of one write, to which those of one more message may come: an event may have thousands,
and a longer write would hold up the event loop."""


class DeadLetterWork:
    """Settles dead letters by filing them in the store; the queue holds them until then.

    Letters that arrive during a write are filed together by the next one: thousands of requests may
    time out at once.
    """

    def __init__(self, store: DeadLetterStore, availability: Availability) -> None:
        self._store = store
        self._availability = availability
        self._waiting: list[DeadLetter] = []
        self._next: asyncio.Future[None] | None = None
        self._writing = asyncio.Lock()

    async def __call__(self, incoming: Incoming, progress: Progress) -> None:
        """File the letters. Raises RejectedMessage for foreign messages."""
        progress.begun = True
        letters = unseal_letters(incoming.body)
        try:
            await self._file_together(letters)
        except Exception:
            # A letter that cannot be stored must not take the others with it.
            await self._file(letters)

    async def _file_together(self, letters: Sequence[DeadLetter]) -> None:
        if self._next is None or len(self._waiting) >= MOST_TOGETHER:
            self._waiting = []
            self._next = asyncio.ensure_future(self._file_waiting(self._waiting))
        self._waiting += letters
        await asyncio.shield(self._next)

    async def _file_waiting(self, letters: list[DeadLetter]) -> None:
        async with self._writing:
            if letters is self._waiting:
                self._next = None
            await self._file(letters)

    async def _file(self, letters: Sequence[DeadLetter]) -> None:
        await self._availability.until_available(lambda: self._store.file(letters))
