"""Registry of the dialects: the only module that knows their names."""

from collections.abc import Sequence
from typing import Protocol

from service.dialects.dialect import Dialects
from service.dialects.kazoo.catalogue import NAME as KAZOO
from service.dialects.kazoo.dialect import kazoo
from service.dialects.policies import KazooPolicy, VoipbinPolicy
from service.dialects.switchhook.dialect import switchhook
from service.dialects.voipbin.catalogue import NAME as VOIPBIN
from service.dialects.voipbin.dialect import voipbin


class Broker(Protocol):
    """Settings of the broker that dialects need."""

    @property
    def sources(self) -> Sequence[str]:
        """The dialects of the switches on the broker."""

    @property
    def max_message_bytes(self) -> int:
        """Size in bytes above which a message is rejected."""


class DialectSettings(Protocol):
    """Settings from which dialects are made; the service's settings conform to it."""

    @property
    def amqp(self) -> Broker:
        """Settings of the broker."""

    @property
    def kazoo(self) -> KazooPolicy:
        """Settings of Kazoo."""

    @property
    def voipbin(self) -> VoipbinPolicy:
        """Settings of VoIPBIN."""


def dialects_of(settings: DialectSettings) -> Dialects:
    """Return all dialects with the operator's settings; `amqp.sources` lists the enabled ones."""
    most_bytes = settings.amqp.max_message_bytes
    known = {
        KAZOO: kazoo(settings.kazoo, most_bytes),
        VOIPBIN: voipbin(settings.voipbin, most_bytes),
    }
    enabled = tuple(known[name] for name in settings.amqp.sources)
    others = tuple(one for name, one in known.items() if name not in settings.amqp.sources)
    # Deliveries and webhooks of the first releases have no source.
    return Dialects(enabled, others, default_source=KAZOO, own=(switchhook(most_bytes),))
