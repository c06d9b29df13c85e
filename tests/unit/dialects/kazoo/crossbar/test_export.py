import pytest

from service.dialects.kazoo.crossbar.export import documents_in

ONE, TWO = {"_id": "1"}, {"_id": "2"}


@pytest.mark.parametrize(
    "text",
    [
        b'[{"_id": "1"}, {"_id": "2"}]',
        b'{"_id": "1"}\n\n{"_id": "2"}\n',
        b'{"_id": "1"}\r\n{"_id": "2"}',
        b'{"total_rows": 2, "rows": [{"id": "1", "doc": {"_id": "1"}}, {"doc": {"_id": "2"}}]}',
    ],
)
def test_every_usual_form_is_understood(text: bytes) -> None:
    assert documents_in(text) == [ONE, TWO]


def test_one_document_is_a_file_as_well() -> None:
    assert documents_in(b'{"_id": "1"}') == [ONE]


def test_a_row_without_its_document_stays_visible() -> None:
    assert documents_in(b'{"rows": [{"id": "1"}, 3]}') == [None, 3]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"", "is empty"),
        (b"3", "contains neither"),
        (b'{"_id": "1"}\noops', "is not JSON; line 2 alone is not"),
        (b"\xff\xfe", "is not JSON; line 1 alone is not"),
    ],
)
def test_what_cannot_be_read_is_told(text: bytes, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        documents_in(text)
