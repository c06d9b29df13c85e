"""Time limits of what seldom has to wait."""

import asyncio
from collections.abc import Coroutine, Generator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

T = TypeVar("T")


async def within(seconds: float, work: Coroutine[Any, Any, T]) -> T:
    """Return what a coroutine returns. Raises TimeoutError if it has to wait for longer.

    One that does not have to wait gets no timer: `asyncio.timeout` costs 5 µs.
    """
    try:
        awaited = work.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    async with asyncio.timeout(seconds):
        return await _Begun(work, awaited)


@dataclass(frozen=True, slots=True)
class _Begun(Generic[T]):
    """The rest of a coroutine, and the future that it waits for first."""

    work: Coroutine[Any, Any, T]
    awaited: Any

    def __await__(self) -> Generator[Any, Any, T]:
        awaited = self.awaited
        try:
            while True:
                try:
                    told = yield awaited
                except BaseException as error:
                    awaited = self.work.throw(error)
                else:
                    awaited = self.work.send(told)
        except StopIteration as end:
            result: T = end.value
            return result
