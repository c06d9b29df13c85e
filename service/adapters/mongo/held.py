"""Deliveries that wait for their turn; see `ports.HeldDeliveries`.

A document of `held_deliveries`: `{_id: delivery id, lane, sequence, conversation_key, order,
due_at, begun, droppable, body}`, with the delivery sealed as in the retry tiers. Writes are
journalled before they count.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pymongo import ReturnDocument, WriteConcern
from pymongo.errors import DuplicateKeyError

from service.adapters.mongo.store import Store
from service.domain.delivery import Delivery
from service.domain.held import HeldDelivery
from service.domain.webhook import Order
from service.pipeline.envelope import seal, unseal


class MongoHeldDeliveries:
    """See `ports.HeldDeliveries`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._held = store.database["held_deliveries"]
        self._journalled = self._held.with_options(write_concern=WriteConcern(j=True))

    async def hold(self, held: HeldDelivery) -> None:
        """See `ports.HeldDeliveries`."""
        await self._store.ask(self._inserted(_document_of(held)))

    async def _inserted(self, document: Mapping[str, Any]) -> None:
        try:
            await self._journalled.insert_one(document)
        except DuplicateKeyError:
            return

    async def take(self, delivery_id: str, until: float) -> HeldDelivery | None:
        """See `ports.HeldDeliveries`."""
        question = self._held.find_one_and_update(
            {"_id": delivery_id, "begun": False},
            {"$set": {"begun": True, "due_at": until}},
            return_document=ReturnDocument.AFTER,
        )
        document = await self._store.ask(question)
        return None if document is None else _held_of(document)

    async def due(self, now: float, limit: int) -> Sequence[HeldDelivery]:
        """See `ports.HeldDeliveries`."""
        found = self._held.find({"due_at": {"$lte": now}}).sort("due_at", 1)
        return [_held_of(one) for one in await self._store.ask(found.to_list(limit))]

    async def take_due(self, held: HeldDelivery, until: float) -> bool:
        """See `ports.HeldDeliveries`."""
        wanted = {"_id": held.delivery.delivery_id, "due_at": held.due_at}
        change = {"$set": {"begun": True, "due_at": until}}
        result = await self._store.ask(self._held.update_one(wanted, change))
        return bool(result.modified_count)

    async def keep(self, delivery_ids: Sequence[str], until: float) -> None:
        """See `ports.HeldDeliveries`."""
        wanted = {"_id": {"$in": list(delivery_ids)}}
        await self._store.ask(self._held.update_many(wanted, {"$set": {"due_at": until}}))

    async def put_off(self, delivery: Delivery, due_at: float) -> None:
        """See `ports.HeldDeliveries`."""
        change = {"$set": {"body": seal([delivery]), "due_at": due_at, "begun": True}}
        wanted = {"_id": delivery.delivery_id}
        await self._store.ask(self._journalled.update_one(wanted, change))

    async def wait(self, delivery_id: str, due_at: float) -> None:
        """See `ports.HeldDeliveries`."""
        change = {"$set": {"begun": False, "due_at": due_at}}
        await self._store.ask(self._held.update_one({"_id": delivery_id}, change))

    async def crowded(self, lane: str) -> HeldDelivery | None:
        """See `ports.HeldDeliveries`."""
        wanted = {"lane": lane, "begun": False, "droppable": True}
        document = await self._store.ask(self._held.find_one(wanted, sort=[("sequence", 1)]))
        return None if document is None else _held_of(document)

    async def has(self, delivery_id: str) -> bool:
        """See `ports.HeldDeliveries`."""
        return (
            await self._store.ask(self._held.find_one({"_id": delivery_id}, {"_id": 1})) is not None
        )

    async def drop(self, delivery_id: str) -> None:
        """See `ports.HeldDeliveries`."""
        await self._store.ask(self._held.delete_one({"_id": delivery_id}))


def _document_of(held: HeldDelivery) -> dict[str, Any]:
    position = held.delivery.position
    return {
        "_id": held.delivery.delivery_id,
        "lane": held.lane,
        "sequence": 0 if position is None else position.sequence,
        "conversation_key": held.conversation_key,
        "order": held.order.value,
        "due_at": held.due_at,
        "begun": held.begun,
        "droppable": held.droppable,
        "body": seal([held.delivery]),
    }


def _held_of(document: Mapping[str, Any]) -> HeldDelivery:
    return HeldDelivery(
        delivery=unseal(document["body"])[0],
        conversation_key=document["conversation_key"],
        order=Order(document["order"]),
        due_at=document["due_at"],
        begun=document["begun"],
        droppable=document["droppable"],
    )
