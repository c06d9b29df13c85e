"""A cancellation that drivers lose: the workaround for aiormq and PyMongo's asyncio client."""

import asyncio


def honour_cancellation() -> None:
    """Raise CancelledError where this task was cancelled; call it after each call of a driver.

    The calls of aiormq and of PyMongo's asyncio client go through `asyncio.wait_for`. In Python
    3.11 that drops a cancellation which arrives together with the reply (bpo-42130); the task then
    waits for something else for ever. aiormq also cancels tasks that wait on a dead connection.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling() > 0:
        raise asyncio.CancelledError
