"""Least privileges of the service on the switch's broker."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

DEFAULT_EXCHANGE = "amq.default"
"""The name by which the broker checks the permission to publish to queues by name."""


@dataclass(frozen=True, slots=True)
class Permissions:
    """Regular expressions for the names that a user may configure, write to and read from."""

    configure: str
    write: str
    read: str


def permissions(
    prefix: str,
    sources: Sequence[str] = (),
    announcing: Sequence[str] = (),
    serving: Sequence[str] = (),
) -> Permissions:
    """Return the permissions that our user needs, where our objects are named `<prefix>.*`.

    `sources` are the exchanges of the switch that we bind to, `announcing` those we publish on, and
    `serving` the queues of the switch that we take requests from.
    """
    ours = rf"^{prefix}(\.|$)"
    replying = [DEFAULT_EXCHANGE] if serving else []
    return Permissions(
        configure=_also(ours, serving),
        write=_also(ours, [*announcing, *replying]),
        read=_also(ours, [*sources, *serving]),
    )


def _also(ours: str, exchanges: Sequence[str]) -> str:
    if not exchanges:
        return ours
    names = "|".join(map(re.escape, exchanges))
    return f"{ours}|^{names}$" if len(exchanges) == 1 else f"{ours}|^({names})$"


OURS_ALONE = permissions("switchhook")
"""Permissions needed on a broker without a switch."""
