import asyncio

from service.adapters.http_exchange import Outbox


class FakeTransport(asyncio.Transport):
    """Notes what is written to it in a list that others may share."""

    def __init__(self, written: list[bytes]) -> None:
        super().__init__()
        self.written = written
        self.closing = False

    def is_closing(self) -> bool:
        return self.closing

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))


async def test_the_requests_of_one_turn_are_written_at_its_end_but_not_to_what_was_closed() -> None:
    written: list[bytes] = []
    outbox, leaving = Outbox(), FakeTransport(written)
    outbox.put(FakeTransport(written), b"one")
    outbox.put(leaving, b"two")
    outbox.put(FakeTransport(written), b"three")
    leaving.closing = True
    assert written == []
    await asyncio.sleep(0)
    assert written == [b"one", b"three"]
    outbox.put(FakeTransport(written), b"four")
    await asyncio.sleep(0)
    assert written == [b"one", b"three", b"four"]
