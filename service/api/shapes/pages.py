"""Cut lists into pages, bounded in items and in bytes."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import orjson

from service.api.http.operation import Page
from service.api.shapes.queries import PageQuery
from service.domain.errors import Invalid

MOST_BYTES = 1_048_576
"""Most bytes of JSON that the items of an answer have; a page ends before it would exceed them."""
AT_ONCE = 100
"""Items requested from the store at once, so that a long page is never fetched whole."""

Item = TypeVar("Item")
Key = Callable[[Any], str]


class Pages:
    """Sizes of pages: `default` unless the query sets one, `most` at most."""

    def __init__(self, default: int, most: int) -> None:
        self.default = default
        self.most = most

    def size(self, query: PageQuery) -> int:
        """Return the page size that the query asks for. Raises Invalid."""
        if not query.paginate:
            return self.most
        if query.page_size is None:
            return self.default
        if query.page_size > self.most:
            message = f"Value must be at most {self.most}"
            raise Invalid.of(
                "page_size", "maximum", message, target=self.most, value=query.page_size
            )
        return query.page_size


def cut(found: Sequence[Item], size: int, start: str | None, key: Key) -> tuple[list[Item], Page]:
    """Return the items of a page, and the start of the next page, if there are more items."""
    items = _fitting(found[:size], 0, none_yet=True)
    following = key(items[-1]) if len(found) > len(items) else None
    return items, Page(size, start, following)


async def filled(
    ask: Callable[[str | None, int], Awaitable[Sequence[Item]]],
    size: int,
    start: str | None,
    key: Key,
) -> tuple[list[Item], Page]:
    """Return the items of a page and the start of the next; `ask` returns items after a key."""
    items: list[Item] = []
    total, after = 0, start
    while True:
        # One item more than fits shows whether there is a next page.
        wanted = min(AT_ONCE, size + 1 - len(items))
        found = await ask(after, wanted)
        kept = _fitting(found[: size - len(items)], total, none_yet=not items)
        items += kept
        if len(kept) < len(found):
            return items, Page(size, start, key(items[-1]))
        if len(found) < wanted:
            return items, Page(size, start, None)
        total += sum(map(_size, kept))
        after = key(items[-1])


def _fitting(found: Sequence[Item], total: int, *, none_yet: bool) -> list[Item]:
    """Return the first items that fit into an answer; at least one in a page, however large."""
    items: list[Item] = []
    for item in found:
        total += _size(item)
        if total > MOST_BYTES and (items or not none_yet):
            break
        items.append(item)
    return items


def _size(item: Any) -> int:
    return len(orjson.dumps(item))
