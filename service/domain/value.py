"""The decorator of what is made for every event: values that cost little to make."""

from dataclasses import dataclass, field
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def value(cls: type[T]) -> type[T]:
    """Make a dataclass that the type checker holds to be frozen.

    One that is frozen at run time costs three times as much to make: 4 µs more of each delivery.
    """
    return dataclass(slots=True, unsafe_hash=True)(cls)
