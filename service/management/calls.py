"""What is known of a call: its legs, the place of its events, what waits for its turn."""

from collections.abc import Sequence
from dataclasses import dataclass

from service.domain.call import Conversation, key_of
from service.domain.held import HeldDelivery
from service.management.ports import CallArchive, WaitingDeliveries


@dataclass(frozen=True, slots=True)
class KnownCall:
    """A conversation, and the deliveries of its events that wait in the store."""

    conversation: Conversation
    waiting: Sequence[HeldDelivery]


@dataclass(frozen=True, slots=True)
class Calls:
    """The use cases. Every method raises StoreUnavailable."""

    archive: CallArchive
    waiting: WaitingDeliveries

    async def find(self, account_id: str, call_id: str) -> KnownCall | None:
        """Return the call with this conversation id, or with a leg of this id.

        None where the account's calls are not followed, or the call was forgotten since.
        """
        found = await self.archive.one(key_of(account_id, call_id))
        if found is None or found.joined is not None:
            found = next(iter(await self.archive.of_legs(account_id, [call_id])), None)
        if found is None:
            return None
        return KnownCall(found, await self.waiting.of_conversation(found.key))
