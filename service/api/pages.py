"""Cutting lists into pages."""

from collections.abc import Sequence
from typing import Any, TypeVar

from service.api.operation import Page
from service.api.queries import PageQuery
from service.domain.errors import Invalid

Item = TypeVar("Item")


class Pages:
    """Sizes of pages; `default` where none is asked for, `most` at most."""

    def __init__(self, default: int, most: int) -> None:
        self.default = default
        self.most = most

    def size(self, query: PageQuery) -> int:
        """Return how many items are wanted. Raises Invalid."""
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


def cut(found: Sequence[Item], size: int, start: str | None, key: Any) -> tuple[list[Item], Page]:
    """Return the items of a page, of which one more was looked for, and where the next begins."""
    items = list(found[:size])
    following = key(items[-1]) if len(found) > size else None
    return items, Page(size, start, following)
