"""The `WebhookStore` port: accounts, their webhooks and their numbers in MongoDB."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import structlog

from service.adapters.mongo.store import Client, Document, Store, ids_of, loading
from service.adapters.secret_box import SecretBox
from service.cancellation import honour_cancellation
from service.documents.webhook import BadDocument, webhook_of
from service.domain.disable import policy_in
from service.domain.filters.filters import zone_of
from service.domain.policy import requires_https
from service.domain.webhook import NOTHING, Account, Webhook, account_of

T = TypeVar("T")

READ_AT_ONCE = 20
"""Webhooks of an account read in one pass of the event loop."""
SECRET_OF_DIALECT = "_secret"  # noqa: S105 (the end of a name)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Found:
    """Documents of some accounts, by account, and of their enabled webhooks."""

    accounts: Mapping[str, Document]
    webhooks: Mapping[str, Sequence[Document]]


class MongoWebhooks:
    """Reads accounts, webhooks and numbers; see `ports.WebhookStore`.

    Requests for accounts in the same event loop iteration share their two queries: after a start, a
    backlog of a thousand accounts would otherwise cost two thousand queries.

    Uses PyMongo's own asyncio client: the threads of Motor come late where all cores are busy, and
    the first event of an account waits for these queries.
    """

    def __init__(
        self,
        store: Store,
        client: Client,
        secret_box: SecretBox,
        default_source: str,
        catalogued: Callable[[Webhook], Webhook] = lambda webhook: webhook,
    ) -> None:
        self._store = store
        self._default_source = default_source
        self._secret_box = secret_box
        self._catalogued = catalogued
        database = client[store.database.name]
        self._accounts = database["accounts"]
        self._webhooks = database["webhooks"]
        self._numbers = database["numbers"]
        self._wanted: list[str] = []
        self._asking: asyncio.Task[Found] | None = None

    async def account(self, account_id: str) -> Account:
        """See `ports.WebhookStore`."""
        self._wanted.append(account_id)
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask_together())
        found = await asyncio.shield(self._asking)
        document = found.accounts.get(account_id, {})
        documents = found.webhooks.get(account_id, ())
        webhooks: list[Webhook] = []
        for start in range(0, len(documents), READ_AT_ONCE):
            if start:
                await asyncio.sleep(0)
            read = map(self._webhook_or_warning, documents[start : start + READ_AT_ONCE])
            webhooks += [webhook for webhook in read if webhook]
        tree = document.get("tree")
        return account_of(
            account_id,
            [str(ancestor) for ancestor in tree] if isinstance(tree, list) else [],
            document.get("reseller_id"),
            webhooks,
            policy_in(document),
            require_https=requires_https(document),
            dialect_secrets=self._dialect_secrets(document),
            timezone=_timezone(account_id, document),
        )

    def _dialect_secrets(self, document: Document) -> Mapping[str, bytes]:
        """Return the keys in the members named after a dialect, such as `voipbin_secret`."""
        if not any(name.endswith(SECRET_OF_DIALECT) for name in document):
            return NOTHING
        opened = self._secret_box.opened(document)
        return {
            name.removesuffix(SECRET_OF_DIALECT): value.encode()
            for name, value in opened.items()
            if name.endswith(SECRET_OF_DIALECT) and isinstance(value, str) and value
        }

    async def _ask_together(self) -> Found:
        """Load all accounts requested so far; later requests start another task."""
        wanted, self._wanted, self._asking = {"$in": self._wanted}, [], None
        enabled = {"account_id": wanted, "enabled": {"$nin": [False, "false"]}}
        accounts, found = await asyncio.gather(
            self._ask(self._accounts.find({"_id": wanted}).to_list()),
            self._ask(self._loaded(enabled)),
        )
        webhooks: defaultdict[str, list[Document]] = defaultdict(list)
        for webhook in found:
            webhooks[webhook["account_id"]].append(webhook)
        return Found({document["_id"]: document for document in accounts}, webhooks)

    async def webhook(self, webhook_id: str) -> Webhook | None:
        """See `ports.WebhookStore`."""
        wanted = {"_id": {"$in": ids_of(webhook_id)}}
        found = await self._ask(self._loaded(wanted))
        return self._webhook_or_warning(found[0]) if found else None

    async def _ask(self, question: Awaitable[T]) -> T:
        try:
            return await self._store.ask(question)
        finally:
            honour_cancellation()

    async def _loaded(self, wanted: Document) -> list[Document]:
        cursor = await self._webhooks.aggregate(loading(wanted))
        return await cursor.to_list()

    async def account_of_number(self, number: str) -> str | None:
        """See `ports.WebhookStore`; numbers are stored in E.164 with their plus sign."""
        spellings = [number] if number.startswith("+") else [number, f"+{number}"]
        document = await self._ask(self._numbers.find_one({"_id": {"$in": spellings}}))
        owner = None if document is None else document.get("account_id")
        return owner if isinstance(owner, str) else None

    def _webhook_or_warning(self, document: Document) -> Webhook | None:
        try:
            webhook = webhook_of(self._secret_box.opened(document), self._default_source)
        except BadDocument as error:
            log.warning(
                "webhook.skipped",
                webhook_id=str(document["_id"]),
                account_id=document.get("account_id"),
                problem=str(error),
            )
            return None
        return self._catalogued(webhook)


def _timezone(account_id: str, document: Document) -> str | None:
    """Return the time zone of an account's document, if it has one that exists."""
    timezone: str | None = document.get("timezone")
    if timezone is None or zone_of(timezone) is not None:
        return timezone
    log.warning("account.timezone_unknown", account_id=account_id, timezone=str(timezone)[:64])
    return None
