import pytest

from service.api.shapes.pages import AT_ONCE, MOST_BYTES, Pages, cut, filled
from service.api.shapes.queries import PageQuery
from service.domain.errors import Invalid

PAGES = Pages(default=50, most=200)


@pytest.mark.parametrize(
    ("query", "size"),
    [
        (PageQuery(), 50),
        (PageQuery(page_size=1), 1),
        (PageQuery(page_size=200), 200),
        (PageQuery(paginate=False), 200),
        (PageQuery(paginate=False, page_size=7), 200),
    ],
    ids=["default", "least", "most", "all", "all of all"],
)
def test_a_page_has_the_size_that_was_asked_for(query: PageQuery, size: int) -> None:
    assert PAGES.size(query) == size


def test_a_page_that_is_too_large_is_refused_with_the_largest_there_is() -> None:
    with pytest.raises(Invalid) as error:
        PAGES.size(PageQuery(page_size=201))
    maximum = error.value.problems["page_size"]["maximum"]
    assert (maximum["target"], maximum["value"]) == (200, 201)


@pytest.mark.parametrize(
    ("found", "items", "following"),
    [
        ([], [], None),
        ([1], [1], None),
        ([1, 2], [1, 2], None),
        ([1, 2, 3], [1, 2], "2"),
        ([1, 2, 3, 4], [1, 2], "2"),
    ],
    ids=str,
)
def test_the_next_page_begins_after_the_last_item_of_this_one(
    found: list[int], items: list[int], following: str | None
) -> None:
    kept, page = cut(found, 2, "0", str)
    assert kept == items
    assert (page.size, page.start_key, page.next_start_key) == (2, "0", following)


LIST = [f"{number:04}" for number in range(350)]


async def page_of(
    items: list[str], size: int, start: str | None = None
) -> tuple[list[str], str | None, list[int]]:
    """Return a page of a list, the key of the next one, and how many were asked for each time."""
    asked = []

    async def ask(after: str | None, count: int) -> list[str]:
        asked.append(count)
        first = 0 if after is None else items.index(after) + 1
        return items[first : first + count]

    kept, page = await filled(ask, size, start, str)
    return kept, page.next_start_key, asked


@pytest.mark.parametrize("size", [1, 50, 99, 100, 101, 349, 350, 351, 1000])
async def test_a_page_is_filled_bit_by_bit_and_tells_whether_there_is_more(size: int) -> None:
    kept, following, asked = await page_of(LIST, size)
    assert kept == LIST[:size]
    assert following == (LIST[size - 1] if size < len(LIST) else None)
    assert max(asked) <= AT_ONCE


@pytest.mark.parametrize("length", [MOST_BYTES // 10, MOST_BYTES // 3, MOST_BYTES * 2])
async def test_a_page_ends_where_an_answer_would_become_too_large(length: int) -> None:
    large = [f"{number:02}{'x' * length}" for number in range(25)]
    seen: list[str] = []
    following: str | None = None
    while len(seen) < len(large):
        kept, following, _ = await page_of(large, 1000, following)
        assert len(kept) == 1 or sum(map(len, kept)) <= MOST_BYTES
        assert kept
        seen += kept
    assert (seen, following) == (large, None)
    kept, page = cut(large, 1000, None, str)
    assert len(kept) == 1 or sum(map(len, kept)) <= MOST_BYTES
    assert page.next_start_key == kept[-1]
