"""Parser of Server-Sent Events (WHATWG HTML, 9.2): the part that the API sends."""

from collections.abc import Iterator

LINE_END = b"\n"


class EventParser:
    """Turns the bytes of a stream into events, wherever the network has cut them."""

    def __init__(self) -> None:
        self._rest = b""
        self._name = ""
        self._data: list[str] = []

    def feed(self, chunk: bytes) -> Iterator[tuple[str, str]]:
        """Yield name and data of each event that is complete now; comments are passed over."""
        *lines, self._rest = (self._rest + chunk).split(LINE_END)
        for raw in lines:
            line = raw.removesuffix(b"\r").decode("utf-8", "replace")
            if not line:
                if self._data:
                    yield self._name, "\n".join(self._data)
                self._name, self._data = "", []
                continue
            field, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if field == "event":
                self._name = value
            elif field == "data":
                self._data.append(value)
