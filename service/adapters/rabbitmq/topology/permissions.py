"""The least that the service can do its work with on a broker that belongs to the switch."""

from dataclasses import dataclass

from service.dialects.catalogue import bindings
from service.dialects.kazoo.events.notifications import binding
from service.dialects.kazoo.policy import KazooPolicy

ANNOUNCING = binding(["webhook_disabled"])
"""Where and how the switch is told of a webhook that was disabled."""
SOURCES = "|".join(binding.exchange for binding in bindings(KazooPolicy()))


@dataclass(frozen=True, slots=True)
class Permissions:
    """Regular expressions of the names that a user may configure, write to and read from."""

    configure: str
    write: str
    read: str


def permissions(prefix: str) -> Permissions:
    """Return what our user needs, where our things are called `<prefix>.*`."""
    ours = rf"^{prefix}(\.|$)"
    return Permissions(
        configure=ours,
        write=f"{ours}|^{ANNOUNCING.exchange}$",
        read=f"{ours}|^({SOURCES})$",
    )
