"""Ports of management, in domain words, which adapters implement.

Documents are those of the store; every method raises StoreUnavailable.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from service.domain.call import Conversation
from service.domain.delivery import Delivery
from service.domain.disable import DisablePolicy
from service.domain.held import HeldDelivery
from service.domain.webhook import NOTHING
from service.management.counting import Part
from service.management.replay import Progress, Replay
from service.management.selection import Selection
from service.management.tally import Tally
from service.management.token import Token

Document = Mapping[str, Any]


class CallArchive(Protocol):
    """Conversations of followed accounts."""

    async def one(self, key: str) -> Conversation | None:
        """Return the conversation with this key."""

    async def of_legs(self, account_id: str, call_ids: Sequence[str]) -> Sequence[Conversation]:
        """Return the account's conversations with any of these legs, oldest first."""


class WaitingDeliveries(Protocol):
    """Deliveries that wait for their turn among those of their call."""

    async def of_conversation(self, key: str) -> Sequence[HeldDelivery]:
        """Return those of a conversation in their order, a few hundred at most."""


class Accounts(Protocol):
    """The tree of accounts."""

    async def tree(self, account_id: str) -> Sequence[str]:
        """Return the ancestors, root first; none for an account without a document."""

    async def disable_policy(self, account_id: str) -> DisablePolicy | None:
        """Return the account's own rule for disabling webhooks, or None."""

    async def requires_https(self, account_id: str) -> bool | None:
        """Return whether the account's own webhooks may not use plain http; None if unsaid."""

    async def require_https(self, account_id: str) -> None:
        """Have the account refuse plain http, unless its document says otherwise. Idempotent."""

    async def with_descendants(self, account_id: str) -> Sequence[str]:
        """Return the ids of the account and of all accounts below it."""


class WebhookDocuments(Protocol):
    """The webhooks of accounts. A webhook of another account counts as missing."""

    async def of_account(self, account_id: str) -> Sequence[Document]:
        """Return all webhooks of an account, in any order and without their history."""

    async def find(self, account_id: str, webhook_id: str) -> Document | None:
        """Return one webhook."""

    async def insert(self, document: Document, most: int) -> bool:
        """Add a webhook; return False if its account has `most` already."""

    async def change(
        self,
        account_id: str,
        webhook_id: str,
        members: Document,
        entry: Document,
        same: Document = NOTHING,
    ) -> Document | None:
        """Set members, remove those that are None, add an entry to `history`; return the webhook.

        If a member of `same` has another value by now, change nothing and return None.
        """

    async def delete(self, account_id: str, webhook_id: str, at: datetime) -> Document | None:
        """Remove a webhook for good; return its last document."""


class DisabledWebhooks(Protocol):
    """The webhooks that were disabled for failing."""

    async def enable_all(self, account_ids: Sequence[str], entry: Document) -> Sequence[Document]:
        """Enable the webhooks that the service itself disabled.

        Return `_id` and `account_id` of each.
        """


class FailureCounts(Protocol):
    """Recent failures of webhooks, counted over all workers."""

    async def failures(self, webhook_id: str) -> Sequence[float]:
        """Return the latest failures since the last success, as unix seconds."""

    async def succeeded(self, webhook_id: str) -> None:
        """Forget the failures."""


class BacklogCounts(Protocol):
    """Backlogs of paused webhooks. Raises StoreUnavailable."""

    async def count(self, webhook_id: str) -> int:
        """Return how many deliveries a webhook has in its backlog."""


class PauseDocuments(Protocol):
    """Store of an operator's pauses. Every method raises StoreUnavailable."""

    async def all(self) -> Sequence[Document]:
        """Return all pauses, the oldest first."""

    async def keep(self, document: Document) -> None:
        """Store a pause, unless it is in force already."""

    async def remove(self, pause_id: str) -> Document | None:
        """Remove a pause and return it, or None."""


class UriGuard(Protocol):
    """Checks the address of a webhook by the egress rules that hold for every connection."""

    async def refusal(self, uri: str, *, https_only: bool = False) -> str | None:
        """Return the rule that forbids the URI, or None.

        A name that does not resolve is allowed: it may resolve later. `https_only` is the demand
        of the webhook's account.
        """


class TokenStore(Protocol):
    """The API tokens."""

    async def add(self, token: Token) -> None:
        """Keep a token."""

    async def find(self, token_id: str) -> Token | None:
        """Return a token, even if revoked or expired."""

    async def all(self, account_id: str | None) -> Sequence[Token]:
        """Return the API tokens of an account, or of all, the newest first."""

    async def revoke(self, token_id: str, at: datetime) -> bool:
        """Revoke a token; return whether it was valid until now."""


class AttemptHistory(Protocol):
    """The attempt log, for reading."""

    async def page(self, selection: Selection, start: str | None, size: int) -> Sequence[Document]:
        """Return the attempts after the id `start`, the newest first, without payloads."""

    async def find(self, account_id: str, webhook_id: str, attempt_id: str) -> Document | None:
        """Return one attempt."""

    async def outcomes(self, selection: Selection) -> Mapping[str, int]:
        """Return the number of attempts by outcome."""

    async def durations(self, selection: Selection, most: int) -> Sequence[float]:
        """Return the durations of the newest `most` attempts, in milliseconds, in any order."""

    def delivery(self, attempt: Document) -> Delivery | None:
        """Return the delivery as it was before its first attempt; None if it was not kept."""


class RecentEvents(Protocol):
    """Events of the attempt log: those that at least one webhook of an account was sent."""

    async def newest(
        self, account_id: str, most: int, masking: Sequence[str], *, own_only: bool
    ) -> Sequence[Document]:
        """Return a row of each of the newest `most` events, with its payload if the log has it.

        A row of a webhook that is not in `masking` is preferred. Tests do not count. `own_only`
        leaves out events of accounts below. Raises StoreUnavailable, also where it takes too long.
        """


class AttemptTallies(Protocol):
    """Sums over the newest attempts of a time, from `most` rows at most.

    Tests, and attempts that shadow mode did not make, do not count.
    """

    async def by_hour(
        self,
        selection: Selection,
        webhook_ids: Sequence[str] | None,
        first: str,
        end: str,
        most: int,
    ) -> Part:
        """Return the sums of an account by webhook and hour, of these webhooks or of all.

        They cover the ids from `first` up to, but not including, `end`, or the newest of them. Of
        the selection, `account_id` and `own_only` count.
        """

    async def by_account(self, since: datetime, most: int) -> Sequence[Tally]:
        """Return the sums of all accounts."""

    async def by_uri(self, since: datetime, most: int) -> Sequence[Tally]:
        """Return the sums by account and URI, without query."""


class Records(Protocol):
    """Everything the store has of a text: an id, a call id, or the beginning of a URI."""

    async def webhooks(self, text: str, size: int) -> Sequence[Document]:
        """Return `_id`, `account_id`, `name`, `uri` and `enabled` of webhooks."""

    async def attempts(
        self, text: str, size: int, until: datetime | None = None
    ) -> Sequence[Document]:
        """Return attempts without payloads that began before a time, the newest first."""

    async def letters(self, text: str, size: int) -> Sequence[Document]:
        """Return dead letters without payloads, the newest first."""


class DeadLetterArchive(Protocol):
    """The dead letters, for reading and replaying; replayed ones stay until they expire."""

    async def page(
        self, selection: Selection, start: tuple[datetime, str] | None, size: int
    ) -> Sequence[Document]:
        """Return the dead letters after a time of death and id, the newest first.

        Payloads are left out.
        """

    async def oldest(self, selection: Selection, size: int) -> Sequence[Document]:
        """Return the oldest dead letters."""

    async def count(self, selection: Selection) -> int:
        """Return the number of dead letters."""

    async def discard(self, selection: Selection) -> int:
        """Delete the dead letters; return how many."""

    async def mark_replayed(self, letter: Document, replay_id: str, by: str, at: datetime) -> None:
        """Mark a letter, as it was read, as replayed; one that died again since keeps waiting."""

    def delivery(self, letter: Document) -> Delivery:
        """Return the delivery as it was before its first attempt."""


class Replays(Protocol):
    """Replays, shared by all workers: the worker that holds a replay's lease runs it."""

    async def add(self, replay: Replay) -> None:
        """Store a new replay, for any worker to run."""

    async def find(self, account_id: str | None, replay_id: str) -> Replay | None:
        """Return a replay of an account, or of any if `account_id` is None."""

    async def page(
        self, account_id: str | None, start: tuple[datetime, str] | None, size: int
    ) -> Sequence[Replay]:
        """Return the replays after a time and id, the newest first."""

    async def claim(self, now: datetime, until: datetime) -> Replay | None:
        """Take the lease, until a time, of a running replay whose lease is free."""

    async def advance(self, replay_id: str, progress: Progress) -> bool:
        """Store progress and renew the lease; return False if the replay has been cancelled."""

    async def cancel(self, account_id: str | None, replay_id: str, at: datetime) -> Replay | None:
        """Stop a running replay; return it in its new state, or None if it does not run."""


class AuditLog(Protocol):
    """The audit log; see `management.audit` for the members of an entry."""

    async def add(self, entry: Document) -> None:
        """Store an entry."""

    async def page(
        self, selection: Selection, start: tuple[datetime, str] | None, size: int
    ) -> Sequence[Document]:
        """Return the entries after a time and id, the newest first."""


class WorkerRegister(Protocol):
    """States of workers; one that is not written again for minutes vanishes."""

    async def note(self, worker_id: str, state: Document) -> None:
        """Replace the state of a worker."""

    async def remove(self, worker_id: str) -> None:
        """Remove a worker."""

    async def all(self) -> Sequence[Document]:
        """Return the states of all workers, in any order."""


class RejectedStore(Protocol):
    """Rejected messages that were taken from their queue.

    `{_id, reason, detail, exchange, routing_key, queue, content_encoding, body, size, taken_at}`.
    """

    async def add(self, message: Document) -> None:
        """Store a message, in place of one with the same id."""

    async def page(
        self, selection: Selection, start: tuple[datetime, str] | None, size: int
    ) -> Sequence[Document]:
        """Return messages after a time and id without bodies, the newest first."""

    async def find(self, message_id: str) -> Document | None:
        """Return a message."""

    async def remove(self, ids: Sequence[str]) -> int:
        """Delete messages; return how many."""


class RejectedQueue(Protocol):
    """The queue of rejected messages."""

    async def take(self, file: Callable[[Document], Awaitable[None]], most: int) -> int:
        """Hand messages to `file` until none or `most` were taken; return how many.

        Each is acknowledged after `file` returned. Raises BrokerUnavailable.
        """


class ReturnPath(Protocol):
    """The way of a rejected message back into the queue that it was rejected from."""

    async def bring_back(self, message: Document) -> None:
        """Publish a message; return once the broker has confirmed it. Raises BrokerUnavailable."""


class RevivalQueue(Protocol):
    """The queue of deliveries, for replays."""

    async def revive(self, delivery: Delivery) -> None:
        """Publish the delivery for an attempt at once; return once the broker has confirmed it.

        Raises BrokerUnavailable.
        """
