"""Workaround for cancellations that aiormq and PyMongo's asyncio client lose."""

import asyncio


def honour_cancellation() -> None:
    """Raise CancelledError if this task was cancelled; call it after each call of a driver.

    Calls of aiormq and of PyMongo's asyncio client go through `asyncio.wait_for`. In Python 3.11
    `wait_for` drops a cancellation that arrives together with the reply (bpo-42130); the task then
    waits for something else for ever. aiormq also cancels tasks that wait on a dead connection.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling() > 0:
        raise asyncio.CancelledError
