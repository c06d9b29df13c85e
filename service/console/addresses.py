"""URLs of the console's pages."""

from urllib.parse import quote, urlencode


def url_of(*parts: str, **query: str) -> str:
    """Return the URL of a page of the console; parts and query may be any text."""
    path = "/".join(quote(part, safe="") for part in ("console", *parts))
    return f"/{path}" + (f"?{urlencode(query)}" if query else "")
