"""Least privileges of the service on the switch's broker."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

DEFAULT_EXCHANGE = "amq.default"
"""The name by which the broker checks the permission to publish to queues by name."""

Action = Literal["configure", "read", "write"]


@dataclass(frozen=True, slots=True)
class Permissions:
    """Regular expressions for the names that a user may configure, write to and read from."""

    configure: str
    write: str
    read: str


@dataclass(frozen=True, slots=True)
class Need:
    """Permissions on exchanges that one use of the broker needs."""

    permissions: Sequence[tuple[Action, str]]
    lost: str
    """The loss where one of them is missing, for the finding."""
    wanted: bool = False
    """Whether a setting asks for this use, which makes a missing permission a problem."""


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
        configure=also(ours, serving),
        write=also(ours, [*announcing, *replying]),
        read=also(ours, [*sources, *serving]),
    )


def also(ours: str, exchanges: Sequence[str]) -> str:
    """Return an expression extended by names of exchanges or queues."""
    if not exchanges:
        return ours
    names = "|".join(map(re.escape, exchanges))
    return f"{ours}|^{names}$" if len(exchanges) == 1 else f"{ours}|^({names})$"


OURS_ALONE = permissions("switchhook")
"""Permissions needed on a broker without a switch."""
