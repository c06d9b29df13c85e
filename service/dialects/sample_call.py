"""A simulated call, for the demonstration: the hooks whose samples tell it, in their order."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SampleCall:
    """`answered` and `ended` are two of the `hooks`; `told` says in words what happens."""

    hooks: tuple[str, ...]
    answered: str
    ended: str
    told: str
