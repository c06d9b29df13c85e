"""Watch: reports changes of accounts, webhooks and numbers.

In a replica set the change stream reports changes within milliseconds. A standalone mongod has no
change stream: there, `modified_at` is polled. Polling misses deletions by other tools and documents
without `modified_at`; they take effect when the cached account expires.
"""

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from pymongo.errors import OperationFailure, PyMongoError

from service.adapters.mongo.store import Client, diagnosis_to
from service.cancellation import honour_cancellation

NO_REPLICA_SET = 40_573
WATCHED = ("webhooks", "accounts", "numbers", "webhook_health")
BACK_OFF_S = 1.0
GATHER_S = 0.02
"""Rest after a change that was waited for. The store answers as soon as there is one: thousands in
a row took a question each in every worker. Those that gather meanwhile come in one answer, and are
not waited for."""
OVERLAP = timedelta(seconds=5)
"""Allowance for clocks that differ and for writes that become visible late."""

log = structlog.get_logger(__name__)


class Watch:
    """Reports changes of an account or a webhook, deletions, and failures of a webhook.

    `on_gap` is called if changes may have been missed. Uses PyMongo's own asyncio client, because
    Motor's stream reports no sooner than a second after the start that it is open: all accounts
    cached until then, which after a start are all busy ones, were loaded again.
    """

    def __init__(
        self,
        client: Client,
        database: str,
        poll_interval_s: float,
        on_account: Callable[[str], None],
        on_webhook: Callable[[str], None],
        on_deleted: Callable[[str], None],
        on_failing: Callable[[str], None],
        on_gap: Callable[[], None],
    ) -> None:
        self._database = client[database]
        self._poll_interval_s = poll_interval_s
        self._on_account = on_account
        self._on_webhook = on_webhook
        self._on_deleted = on_deleted
        self._on_failing = on_failing
        self._on_gap = on_gap

    async def run(self) -> None:
        """Watch until cancelled, and begin again after every error of the store."""
        while True:
            try:
                await self._stream()
            except OperationFailure as error:
                if error.code == NO_REPLICA_SET:
                    log.info("watch.polling", interval_s=self._poll_interval_s)
                    await self._poll()
                log.warning("watch.lost", error=diagnosis_to(error, self._database).text)
            except PyMongoError as error:
                log.warning("watch.lost", error=diagnosis_to(error, self._database).text)
            honour_cancellation()
            await asyncio.sleep(BACK_OFF_S)

    async def _stream(self) -> None:
        relevant = [{"$match": {"ns.coll": {"$in": list(WATCHED)}}}]
        async with await self._database.watch(
            relevant, full_document="updateLookup", max_await_time_ms=1000
        ) as stream:
            # The stream is open: later changes are not missed, earlier ones may have been.
            self._on_gap()
            log.info("watch.streaming")
            while stream.alive:
                honour_cancellation()
                # Is set only if `try_next` lets the event loop go on, to ask the store.
                waited = asyncio.Event()
                asyncio.get_running_loop().call_soon(waited.set)
                # `next` would wait for a change in one call, which the client's timeout would end.
                change = await stream.try_next()
                if change is not None:
                    self._tell(change)
                    if waited.is_set():
                        await asyncio.sleep(GATHER_S)

    def _tell(self, change: Mapping[str, Any]) -> None:
        collection = change.get("ns", {}).get("coll")
        key = change.get("documentKey", {}).get("_id")
        if collection == "webhook_health":
            self._on_failing(str(key))
        elif key is None or collection == "numbers":
            self._on_gap()
        elif collection == "accounts":
            self._on_account(str(key))
        else:
            self._on_webhook(str(key))
            if change.get("operationType") == "delete":
                self._on_deleted(str(key))
            owner = (change.get("fullDocument") or {}).get("account_id")
            if isinstance(owner, str):
                self._on_account(owner)

    async def _poll(self) -> None:
        since = datetime.now(UTC)
        while True:
            await asyncio.sleep(self._poll_interval_s)
            now = datetime.now(UTC)
            changed = {"modified_at": {"$gte": since - OVERLAP}}
            try:
                failed = {"updated_at": changed["modified_at"]}
                async for document in self._database["webhook_health"].find(failed):
                    self._on_failing(str(document["_id"]))
                    if document.get("deleted"):
                        self._on_webhook(str(document["_id"]))
                        self._on_deleted(str(document["_id"]))
                # Last, as a webhook that was deleted may have come back.
                async for document in self._database["webhooks"].find(changed, {"account_id": 1}):
                    self._on_webhook(str(document["_id"]))
                    self._on_account(str(document.get("account_id")))
                since = now
            except PyMongoError as error:
                text = diagnosis_to(error, self._database).text
                log.warning("watch.poll_failed", error=text)
            honour_cancellation()
