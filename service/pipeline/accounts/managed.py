"""Webhooks that a switch manages itself, as it tells of them on the bus."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from service.bounded import BoundedDict
from service.domain.provision import AccountProvision, Provision, ScopedWebhook
from service.pipeline.recovery.availability import Availability
from service.ports import Directory, Provisions

MOST_REMEMBERED = 20_000


def _none_yet() -> BoundedDict[str, Mapping[str, Any]]:
    return BoundedDict(MOST_REMEMBERED)


@dataclass(frozen=True, slots=True)
class ManagedWebhooks:
    """Keeps them in the store. The webhook of a scope never changes, so it is cached for good."""

    provisions: Provisions
    directory: Directory
    availability: Availability
    known: BoundedDict[str, Mapping[str, Any]] = field(default_factory=_none_yet)

    async def keep(self, provision: Provision) -> None:
        """Store what a switch told.

        An event that this worker takes meanwhile finds the webhook of its scope already.
        """
        if isinstance(provision, ScopedWebhook):
            self.known[provision.scope_id] = provision.document
        await self.availability.until_available(lambda: self.provisions.keep(provision))
        if isinstance(provision, AccountProvision):
            self.directory.forget(provision.account_id)

    async def scoped(self, scope_id: str) -> Mapping[str, Any] | None:
        """Return the document of the webhook of a scope.

        The store is asked each time until there is one: another worker may just be storing it.
        """
        known = self.known.get(scope_id)
        if known is not None:
            return known
        found = await self.availability.until_available(lambda: self.provisions.scoped(scope_id))
        if found is not None:
            self.known[scope_id] = found
        return found
