"""Messages of a lane that the broker delivered again, as their worker died.

They rest before they begin (see `suspects`). What came after them and keeps an order waits.
"""

import asyncio
from itertools import takewhile

from service.pipeline.progress import Progress


class Returned:
    """Redelivered messages that were not taken note of yet, in the order of arrival."""

    def __init__(self) -> None:
        self._waiting: dict[Progress, asyncio.Future[None]] = {}

    def add(self, progress: Progress) -> None:
        """Note that a message came again; `discard` must follow."""
        self._waiting[progress] = asyncio.get_running_loop().create_future()

    def discard(self, progress: Progress) -> None:
        """Note that a message is taken note of, or settled; one that is unknown is none."""
        noted = self._waiting.pop(progress, None)
        if noted is not None:
            noted.set_result(None)

    async def before(self, progress: Progress, limit_s: float) -> None:
        """Return once none is left that came before this message, or after `limit_s`.

        Of several that wait for the same, the first one goes first.
        """
        earlier = takewhile(lambda one: one[0] is not progress, self._waiting.items())
        waited_for = [noted for _, noted in earlier]
        if waited_for:
            await asyncio.wait(waited_for, timeout=limit_s)
