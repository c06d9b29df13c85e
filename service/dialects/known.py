"""The dialects there are: the one place that knows their names."""

from collections.abc import Sequence
from typing import Protocol

from service.dialects.dialect import Dialects
from service.dialects.kazoo.catalogue import NAME as KAZOO
from service.dialects.kazoo.dialect import kazoo
from service.dialects.policies import KazooPolicy, VoipbinPolicy
from service.dialects.voipbin.catalogue import NAME as VOIPBIN
from service.dialects.voipbin.dialect import voipbin


class Broker(Protocol):
    """The settings of the broker that concern dialects."""

    @property
    def sources(self) -> Sequence[str]:
        """The dialects of the switches on the broker."""

    @property
    def max_message_bytes(self) -> int:
        """Larger messages are rejected."""


class DialectSettings(Protocol):
    """What dialects are made of; the service's settings fit."""

    @property
    def amqp(self) -> Broker:
        """The section of the broker."""

    @property
    def kazoo(self) -> KazooPolicy:
        """The section of Kazoo."""

    @property
    def voipbin(self) -> VoipbinPolicy:
        """The section of VoIPBIN."""


def dialects_of(settings: DialectSettings) -> Dialects:
    """Return all dialects as the operator has set them; `amqp.sources` says which are enabled."""
    most_bytes = settings.amqp.max_message_bytes
    known = {
        KAZOO: kazoo(settings.kazoo, most_bytes),
        VOIPBIN: voipbin(settings.voipbin, most_bytes),
    }
    enabled = tuple(known[name] for name in settings.amqp.sources)
    others = tuple(one for name, one in known.items() if name not in settings.amqp.sources)
    # Deliveries and webhooks of the first releases do not name their source.
    return Dialects(enabled, others, default_source=KAZOO)
