import asyncio
from typing import cast

from service.adapters.http.exchange import Outbox
from service.adapters.http.protocol import Exchanging


class FakeProtocol:
    """Notes what is written to it in a list that others may share."""

    def __init__(self, written: list[bytes]) -> None:
        self.written = written

    def write(self, data: bytes) -> None:
        self.written.append(data)


async def test_the_requests_of_one_turn_are_written_at_its_end() -> None:
    written: list[bytes] = []
    outbox, protocol = Outbox(), cast("Exchanging", FakeProtocol(written))
    outbox.put(protocol, b"one")
    outbox.put(protocol, b"two")
    assert written == []
    await asyncio.sleep(0)
    assert written == [b"one", b"two"]
    outbox.put(protocol, b"three")
    await asyncio.sleep(0)
    assert written == [b"one", b"two", b"three"]
