"""Reading of the attempt log over its buckets; see `documents.buckets`.

A list is read from the newest bucket back, until it is full. One question covers several buckets.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bson import ObjectId
from bson.errors import InvalidId

from service.adapters.mongo.store import Database, Document
from service.documents.buckets import AFTER_ALL_IDS, LOG, Bucket, bucket_of

Pipeline = list[dict[str, Any]]
NEWEST_FIRST = {"$sort": {"_id": -1}}
BUCKETS = {"type": "collection", "name": {"$regex": f"^{LOG}(_|$)"}}
AT_FIRST, GROWTH = 2, 4
"""Number of buckets in the first question; each later one covers `GROWTH` times as many."""


class Buckets:
    """The buckets that exist. Every method raises PyMongoError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> list[Bucket]:
        """Return all buckets, the newest first; the log of earlier releases comes last."""
        names = await self._database.list_collection_names(filter=BUCKETS)
        found = [bucket for bucket in map(bucket_of, names) if bucket is not None]
        return sorted(found, key=lambda one: (one.ends_at is not None, one.end), reverse=True)

    async def within(self, first: str = "", last: str = AFTER_ALL_IDS) -> list[Bucket]:
        """Return the buckets that may hold ids between these two, in the order of `all`."""
        return [one for one in await self.all() if one.first <= last and first < one.end]

    async def newest(
        self, buckets: Sequence[Bucket], part: Callable[[Bucket], Pipeline], size: int
    ) -> list[Document]:
        """Return the newest `size` documents; `part` selects and shapes those of a bucket.

        `part` must not sort, and must leave `_id` as it is.
        """
        # The end of the log of earlier releases is unknown, so it is always asked.
        left = sorted(buckets, key=lambda one: one.end, reverse=True)
        found: list[Document] = []
        asked = AT_FIRST
        while left and not _complete(found, size, left[0]):
            some, left = left[:asked], left[asked:]
            parts = [(one, _first_of(part(one), size)) for one in some]
            found = _sorted([*found, *await self.union(parts, size)])[:size]
            asked *= GROWTH
        return found

    async def union(
        self, parts: Sequence[tuple[Bucket, Pipeline]], size: int = 0
    ) -> Sequence[Document]:
        """Return the results of each pipeline on its bucket, one after the other."""
        if not parts:
            return []
        (newest, pipeline), *others = parts
        pipeline = pipeline + [
            {"$unionWith": {"coll": bucket.name, "pipeline": part}} for bucket, part in others
        ]
        # One batch holds everything, so that no second question is needed.
        options = {"batchSize": size * len(parts)} if size else {}
        return await self._database[newest.name].aggregate(pipeline, **options).to_list(None)


def id_in(bucket: Bucket, attempt_id: str) -> Any:
    """Return the stored form of an id, or None where the bucket cannot hold it.

    Earlier releases stored text. An ObjectId takes half of the space in every index.
    """
    if bucket.ends_at is None:
        return attempt_id
    try:
        return ObjectId(attempt_id)
    except InvalidId:
        return None


def first_id_in(bucket: Bucket, key: str) -> Any:
    """Return the lowest stored id with this time; see `time_key`."""
    return key if bucket.ends_at is None else ObjectId(f"{key:0<24}")


def ids_within(bucket: Bucket, first: str = "", end: str = AFTER_ALL_IDS) -> Document:
    """Return the filter for ids from `first` up to `end`; empty where the bucket has no others."""
    bounds = {}
    if first > bucket.first:
        bounds["$gte"] = first_id_in(bucket, first)
    if end < bucket.end:
        bounds["$lt"] = first_id_in(bucket, end)
    return {"_id": bounds} if bounds else {}


def _first_of(pipeline: Pipeline, size: int) -> Pipeline:
    """Return the pipeline with order and limit after its `$match`, where an index gives both."""
    return [*pipeline[:1], NEWEST_FIRST, {"$limit": size}, *pipeline[1:]]


def _complete(found: Sequence[Document], size: int, following: Bucket) -> bool:
    """Return whether no bucket from `following` on has a newer document."""
    return len(found) >= size and _key(found[-1]) >= following.end


def _sorted(found: Sequence[Document]) -> list[Document]:
    return sorted(found, key=_key, reverse=True)


def _key(document: Mapping[str, Any]) -> str:
    return str(document["_id"])
