"""Decorator for the values made for every event: dataclasses that are cheap to create."""

from dataclasses import dataclass, field
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def immutable(cls: type[T]) -> type[T]:
    """Make a dataclass that only the type checker treats as frozen.

    Creating a `Delivery` takes 0.55 µs; frozen at run time as well, it takes 2.6 µs.
    """
    return dataclass(slots=True, unsafe_hash=True)(cls)
