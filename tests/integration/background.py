"""Keeping what an adapter does in the background up for a while."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Protocol


class Runs(Protocol):
    def run(self) -> Coroutine[Any, Any, None]: ...


@asynccontextmanager
async def running(what: Runs) -> AsyncIterator[asyncio.Task[None]]:
    """Let it run while the block does."""
    task = asyncio.create_task(what.run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task])
