"""What an account stores cannot take the memory of the service."""

from pathlib import Path

from service.dev.receiver import Receiver
from tests.e2e.harness import eventually, logged, webhook_document
from tests.e2e.shared_service import SharedService, new_account

MOST_BYTES = 300 * 1024 * 1024
WEBHOOKS = 150
CALLS = 20


def most_memory(pid: int) -> int:
    """Return the most memory that a process had so far."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    (peak,) = (line.split()[1] for line in lines if line.startswith("VmHWM:"))
    return int(peak) * 1024


async def test_webhooks_of_nearly_a_megabyte_take_no_memory_and_the_small_one_fires(
    shared: SharedService, receiver: Receiver
) -> None:
    api = await shared.tenant()
    large = {"account_id": api.account_id, "custom_data": {"x": "y" * 950_000}}
    documents = [
        webhook_document(receiver.url("/large"), _id=new_account(), **large)
        for _ in range(WEBHOOKS)
    ]
    await shared.database["webhooks"].insert_many(documents)
    await api.create(receiver.url("/small"))
    await shared.call(api.account_id, *(f"c-{number}" for number in range(CALLS)))
    await receiver.until(lambda: len(receiver.at("/small")) == CALLS, 20)
    listed = (await api.get("webhooks", paginate="false")).data
    assert len(listed) == WEBHOOKS + 1
    shown = await api.get(f"webhooks/{documents[0]['_id']}")
    assert "at most 32768" in shown.data["_read_only"]["problem"]
    assert receiver.at("/large") == []

    async def skipped() -> bool:
        lines = logged(shared.service, "webhook.skipped")
        return len({line["webhook_id"] for line in lines}) >= WEBHOOKS

    await eventually(skipped, what="a warning for each")
    assert most_memory(shared.service.pid) < MOST_BYTES
    for document in documents:
        assert (await api.delete(f"webhooks/{document['_id']}")).status == 200
