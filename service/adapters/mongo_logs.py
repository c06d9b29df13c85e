"""What the service writes: the attempt log and the dead letters."""

from collections.abc import Sequence

from service.adapters.mongo_documents import attempt_document, dead_letter_document
from service.adapters.mongo_store import Store
from service.domain.delivery import Attempt, DeadLetter


class MongoAttemptLog:
    """See `ports.AttemptLog`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._attempts = store.database["attempts"]

    async def write(self, attempts: Sequence[Attempt]) -> None:
        """See `ports.AttemptLog`."""
        rows = [attempt_document(attempt) for attempt in attempts]
        await self._store.ask(self._attempts.insert_many(rows, ordered=False))


class MongoDeadLetters:
    """See `ports.DeadLetterStore`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._letters = store.database["dead_letters"]

    async def file(self, letter: DeadLetter) -> None:
        """See `ports.DeadLetterStore`; the id is the delivery's, so a letter stands there once."""
        document = dead_letter_document(letter)
        question = self._letters.replace_one({"_id": document["_id"]}, document, upsert=True)
        await self._store.ask(question)
