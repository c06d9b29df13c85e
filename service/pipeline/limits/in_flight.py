"""Requests in flight by webhook, so that those of a deleted webhook can be cancelled."""

import asyncio

Sending = asyncio.Task[object]


class InFlight:
    """Tasks that make requests, by webhook."""

    def __init__(self) -> None:
        self._tasks: dict[str, list[Sending]] = {}
        self._cut: set[Sending] = set()

    def begin(self, webhook_id: str) -> Sending:
        """Register the current task as making a request for the webhook until `end`."""
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("requests are made in tasks")
        tasks = self._tasks.get(webhook_id)
        if tasks is None:
            self._tasks[webhook_id] = [task]
        else:
            tasks.append(task)
        return task

    def end(self, webhook_id: str, task: Sending) -> None:
        """Unregister a request that ended, whether or not its cancellation by `cut` took effect."""
        if task in self._cut:
            self._cut.discard(task)
            task.uncancel()
        tasks = self._tasks[webhook_id]
        if len(tasks) == 1:
            del self._tasks[webhook_id]
        else:
            tasks.remove(task)

    def cut(self, webhook_id: str) -> None:
        """Cancel the requests of a deleted webhook."""
        for task in self._tasks.get(webhook_id, ()):
            if task not in self._cut:
                self._cut.add(task)
                task.cancel()

    def was_cut(self, task: Sending) -> bool:
        """Return whether only `cut` cancelled a request; to be called once."""
        if task not in self._cut:
            return False
        self._cut.discard(task)
        return task.uncancel() == 0
