"""Limits of an answer."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_types import Ge, Le


@dataclass(frozen=True, slots=True)
class AnswerPolicy:
    """Limits of the answers of actionable webhooks."""

    __pydantic_config__: ClassVar = {"extra": "forbid", "use_attribute_docstrings": True}

    max_bytes: Annotated[int, Ge(1024), Le(1_048_576)] = 65_536
    """Largest answer in bytes."""
    max_depth: Annotated[int, Ge(4), Le(32)] = 16
    """Most levels of verbs inside verbs; the root of a document is the first level."""
    # Kazoo nests each verb in the one before it, and readers of JSON bound the depth.
    max_verbs: Annotated[int, Ge(1), Le(100)] = 100
    """Most verbs of an answer, including those inside other verbs."""


DEFAULT_POLICY = AnswerPolicy()
