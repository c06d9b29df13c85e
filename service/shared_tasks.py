"""Work done once for all who need its result at the same time."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class SharedTasks(dict[K, asyncio.Future[V]]):
    """Tasks under way, by key. Await them shielded: others need the result too.

    A key that is removed has a new task for whoever asks next.
    """

    def of(self, key: K, work: Callable[[K], Coroutine[Any, Any, V]]) -> asyncio.Future[V]:
        """Return the task of a key, which begins if there is none."""
        task = self.get(key)
        if task is None:
            task = self[key] = asyncio.ensure_future(work(key))
            task.add_done_callback(partial(self._ended, key))
        return task

    def has_current(self, key: K) -> bool:
        """Return whether the running task is still the one of its key."""
        return self.get(key) is asyncio.current_task()

    def _ended(self, key: K, task: asyncio.Future[V]) -> None:
        if self.get(key) is task:
            del self[key]
        if not task.cancelled():
            # Retrieve the error: asyncio logs one that no waiter retrieved.
            task.exception()
