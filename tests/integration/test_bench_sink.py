import time
from collections.abc import Callable
from pathlib import Path

import aiohttp
import pytest

from service.bench.setting.load import event_body
from service.bench.setting.sink import ENDPOINTS, ReceiverSink, Sink, sink


@pytest.mark.parametrize("make", [ReceiverSink, sink])
async def test_a_sink_counts_what_arrives_at_all_its_endpoints(
    make: Callable[[Path], Sink], tmp_path: Path
) -> None:
    async with make(tmp_path) as running, running.counting() as count:
        assert await count() == 0
        statuses = await post(running.urls())
        assert statuses == [200] * ENDPOINTS
        assert await count() == ENDPOINTS
        assert await count() == ENDPOINTS, "asking does not count"


@pytest.mark.parametrize("make", [ReceiverSink, sink])
async def test_one_in_ten_requests_to_the_flaky_path_fails(
    make: Callable[[Path], Sink], tmp_path: Path
) -> None:
    async with make(tmp_path) as running:
        statuses = await post(running.urls("/flaky") * 40)
    assert {200, 503} == set(statuses)
    assert statuses.count(503) < 100


async def test_the_receiver_tells_once_how_old_the_events_were(tmp_path: Path) -> None:
    async with ReceiverSink(tmp_path) as receiver:
        await post(receiver.urls("/aged")[:1])
        ages = await receiver.ages()
        assert await receiver.ages() == {}
    assert list(ages) == ["/aged"]
    assert 1.0 <= ages["/aged"][0] < 60


async def post(urls: list[str]) -> list[int]:
    """Post an event that was published a second ago to each URL; return the statuses."""
    body, statuses = event_body("a" * 32, time.monotonic_ns() - 1_000_000_000, 1), []
    async with aiohttp.ClientSession() as session:
        for url in urls:
            async with session.post(url, data=body) as response:
                statuses.append(response.status)
    return statuses
