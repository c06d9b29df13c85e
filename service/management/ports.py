"""What managing needs of the outside, in its own words; the adapters provide it.

Documents are as the store has them; every method raises StoreUnavailable.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from service.domain.delivery import Delivery
from service.domain.disable import DisablePolicy
from service.domain.webhook import NOTHING
from service.management.replay import Progress, Replay
from service.management.selection import Selection
from service.management.token import Token

Document = Mapping[str, Any]


class Accounts(Protocol):
    """The tree of accounts."""

    async def tree(self, account_id: str) -> Sequence[str]:
        """Return the ancestors, root first; none for an account without a document."""

    async def disable_policy(self, account_id: str) -> DisablePolicy | None:
        """Return when the account's webhooks are switched off, where it has a rule of its own."""

    async def requires_https(self, account_id: str) -> bool:
        """Return whether the account's own webhooks may not use plain http."""

    async def with_descendants(self, account_id: str) -> Sequence[str]:
        """Return the ids of the account and of all below it."""


class WebhookDocuments(Protocol):
    """The webhooks of accounts. What belongs to another account is as if it were not there."""

    async def of_account(self, account_id: str) -> Sequence[Document]:
        """Return all webhooks of an account, in any order and without their history."""

    async def find(self, account_id: str, webhook_id: str) -> Document | None:
        """Return one webhook."""

    async def insert(self, document: Document, most: int) -> bool:
        """Add a webhook; return False where its account has `most` already."""

    async def change(
        self,
        account_id: str,
        webhook_id: str,
        members: Document,
        entry: Document,
        same: Document = NOTHING,
    ) -> Document | None:
        """Set the members, remove those that are None, add an entry to `history`; return it all.

        Nothing is changed, and None returned, where a member of `same` has another value by now.
        """

    async def delete(self, account_id: str, webhook_id: str, at: datetime) -> Document | None:
        """Remove a webhook for good; return what it was."""


class DisabledWebhooks(Protocol):
    """The webhooks that were switched off because they failed."""

    async def enable_all(self, account_ids: Sequence[str], entry: Document) -> Sequence[Document]:
        """Switch on those that the service itself had switched off.

        Return `_id` and `account_id` of each.
        """


class FailureCounts(Protocol):
    """How webhooks have fared lately, counted over all workers."""

    async def failures(self, webhook_id: str) -> Sequence[float]:
        """Return the last failures since the last success, as unix seconds."""

    async def succeeded(self, webhook_id: str) -> None:
        """Forget the failures."""


class UriGuard(Protocol):
    """Judges where a webhook may point, by the rules of every connection."""

    async def refusal(self, uri: str, *, https_only: bool = False) -> str | None:
        """Return the rule that forbids it, or None. A name that does not resolve may later.

        `https_only` is what the webhook's account demands.
        """


class TokenStore(Protocol):
    """The API tokens."""

    async def add(self, token: Token) -> None:
        """Keep a token."""

    async def find(self, token_id: str) -> Token | None:
        """Return a token, revoked or expired ones included."""

    async def all(self, account_id: str | None) -> Sequence[Token]:
        """Return the tokens of an account, or all, the newest first."""

    async def revoke(self, token_id: str, at: datetime) -> bool:
        """Make a token worthless; return whether it was good until now."""


class AttemptHistory(Protocol):
    """The attempt log, read."""

    async def page(self, selection: Selection, start: str | None, size: int) -> Sequence[Document]:
        """Return the attempts after the id `start`, the newest first, without payloads."""

    async def find(self, account_id: str, webhook_id: str, attempt_id: str) -> Document | None:
        """Return one attempt."""

    async def outcomes(self, selection: Selection) -> Mapping[str, int]:
        """Return how many attempts ended how."""

    async def durations(self, selection: Selection, most: int) -> Sequence[float]:
        """Return how long the newest `most` attempts took, in milliseconds, in any order."""

    def delivery(self, attempt: Document) -> Delivery | None:
        """Return the delivery as it was before its first attempt; None where it was not kept."""


class DeadLetterArchive(Protocol):
    """The dead letters, read and revived. Those that were replayed stay until they expire."""

    async def page(
        self, selection: Selection, start: tuple[datetime, str] | None, size: int
    ) -> Sequence[Document]:
        """Return the dead letters after a time of death and id, the newest first.

        They come without their payloads.
        """

    async def oldest(self, selection: Selection, size: int) -> Sequence[Document]:
        """Return the dead letters that waited longest."""

    async def count(self, selection: Selection) -> int:
        """Return how many there are."""

    async def discard(self, selection: Selection) -> int:
        """Delete the dead letters; return how many."""

    async def mark_replayed(self, letter: Document, replay_id: str, by: str, at: datetime) -> None:
        """Take a letter, as it was read, off the waiting ones; one that died again waits on."""

    def delivery(self, letter: Document) -> Delivery:
        """Return the delivery as it was before its first attempt."""


class Replays(Protocol):
    """Replays under way, shared by all workers: each is run by the one that holds its lease."""

    async def add(self, replay: Replay) -> None:
        """Keep a new replay, for any worker to run."""

    async def find(self, account_id: str | None, replay_id: str) -> Replay | None:
        """Return a replay of an account, or of any."""

    async def page(
        self, account_id: str | None, start: tuple[datetime, str] | None, size: int
    ) -> Sequence[Replay]:
        """Return the replays after a time and id, the newest first."""

    async def claim(self, now: datetime, until: datetime) -> Replay | None:
        """Take the lease, until a time, of a running replay that nobody holds."""

    async def advance(self, replay_id: str, progress: Progress) -> bool:
        """Note progress and renew the lease; return False where it was cancelled meanwhile."""

    async def cancel(self, account_id: str | None, replay_id: str, at: datetime) -> Replay | None:
        """Stop a replay that is running; return it as it is then, or None."""


class RevivalQueue(Protocol):
    """Where deliveries come back to life."""

    async def revive(self, delivery: Delivery) -> None:
        """Have the delivery attempted at once; returns once the broker has confirmed it.

        Raises BrokerUnavailable.
        """
