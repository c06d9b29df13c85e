"""Questions that a switch asks over its own bus: how one is read, and how the switch is told."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from service.dialects.binding import Binding
from service.domain.immutable import immutable
from service.domain.reply import Reply


@immutable
class SwitchQuestion:
    """One question. `url` names its webhook: it is an address of ours, or somebody else's."""

    question_id: str
    url: str
    members: Mapping[str, Any]
    budget_s: float
    """Seconds until the switch must have the answer."""
    answered: Callable[[bytes], Sequence[Reply]]
    """Returns the messages that give the switch a document, in order."""
    declined: Sequence[Reply]
    """The messages by which the call goes on without a document."""


class SwitchQuestions(Protocol):
    """The questions of one switch. Free of I/O."""

    @property
    def binding(self) -> Binding:
        """Where the switch publishes them."""

    @property
    def publishes_on(self) -> Sequence[str]:
        """The exchanges of the answers."""

    def read(self, body: Mapping[str, Any]) -> SwitchQuestion:
        """Return the question of a message. Raises RejectedMessage."""
