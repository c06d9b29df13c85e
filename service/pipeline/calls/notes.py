"""Notes events in the store in runs: one write for all that came while the last one was made."""

import asyncio
from functools import partial

from service.domain.call import Conversation, Happening
from service.pipeline.recovery.availability import Availability
from service.ports import Conversations

MOST_AT_ONCE = 500
Waiting = tuple[Happening, asyncio.Future[Conversation]]


class CallNotes:
    """Writes one run at a time; an event is not settled before its run is stored."""

    def __init__(self, conversations: Conversations, availability: Availability) -> None:
        self._conversations = conversations
        self._availability = availability
        self._waiting: list[Waiting] = []
        self._writing: asyncio.Task[None] | None = None

    async def add(self, happening: Happening) -> Conversation:
        """Return the conversation after the event was added to it."""
        noted: asyncio.Future[Conversation] = asyncio.get_running_loop().create_future()
        self._waiting.append((happening, noted))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write(), name="note calls")
        return await noted

    async def _write(self) -> None:
        """Write until nothing waits; whoever waits when this task fails is told so."""
        run: list[Waiting] = []
        try:
            while self._waiting:
                run = self._waiting[:MOST_AT_ONCE]
                del self._waiting[:MOST_AT_ONCE]
                happenings = [happening for happening, _ in run]
                conversations = await self._availability.until_available(
                    partial(self._conversations.note, happenings)
                )
                for (_, noted), conversation in zip(run, conversations, strict=True):
                    if not noted.done():
                        noted.set_result(conversation)
        except BaseException as error:
            for _, noted in (*run, *self._waiting):
                if not noted.done():
                    noted.set_exception(error) if isinstance(error, Exception) else noted.cancel()
            self._waiting.clear()
            raise
        finally:
            self._writing = None
