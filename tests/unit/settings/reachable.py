"""Finding the parts that something is made of, wherever it keeps them."""

import gc
from collections.abc import Iterator
from types import CodeType, FrameType, FunctionType, ModuleType
from typing import Any

OUTSIDE = (type, ModuleType, FrameType, CodeType, str, bytes, int, float, bool, type(None))
"""What has no parts, or leads to everything that was ever imported."""


def reachable(*whole: object) -> Iterator[Any]:
    """Yield everything that these hold by attributes, collections and closures, each once."""
    seen: dict[int, object] = {}
    waiting: list[object] = list(whole)
    while waiting:
        part = waiting.pop()
        if id(part) in seen or isinstance(part, OUTSIDE):
            continue
        seen[id(part)] = part
        yield part
        waiting += _parts_of(part)


def _parts_of(part: object) -> list[object]:
    if not isinstance(part, FunctionType):
        return gc.get_referents(part)
    # Not its globals: they lead to every module there is.
    return [part.__closure__, part.__defaults__, part.__kwdefaults__]
