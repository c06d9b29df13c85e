"""Reader of document files that were exported from Kazoo's database."""

from typing import Any

import orjson


def documents_in(text: bytes) -> list[Any]:
    """Return the documents of a file, unchanged.

    Accepts a JSON array, one document, one document per line, and CouchDB's
    `{"rows": [{"doc": {...}}]}`. Raises ValueError with a readable text.
    """
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return _by_line(text)
    if isinstance(value, list):
        return value
    if isinstance(value, dict) and isinstance(value.get("rows"), list):
        return [row.get("doc") if isinstance(row, dict) else row for row in value["rows"]]
    if isinstance(value, dict):
        return [value]
    raise ValueError("contains neither a document nor a list of documents")


def _by_line(text: bytes) -> list[Any]:
    documents = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            documents.append(orjson.loads(line))
        except orjson.JSONDecodeError as error:
            raise ValueError(
                f"is not JSON; line {number} alone is not either: {error.msg}"
            ) from None
    if not documents:
        raise ValueError("is empty")
    return documents
