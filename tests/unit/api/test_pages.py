import pytest

from service.api.pages import Pages, cut
from service.api.queries import PageQuery
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
