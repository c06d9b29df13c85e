"""Names and arguments of the partitions, and the share of a worker."""

import pytest

from service.adapters.rabbitmq.consuming.event_queues import share_of
from service.adapters.rabbitmq.topology.partitions import BY_KEY, Partitions, hash_arguments
from service.adapters.rabbitmq.topology.queues import Names, queues
from service.dialects.binding import Binding, merged
from service.dialects.kazoo.events import calls, objects, parking

NAMES = Names("switchhook")
BINDINGS = (calls.binding("CHANNEL_CREATE"), objects.BINDING)


def partitions(count: int) -> Partitions:
    return Partitions(NAMES, count, BINDINGS)


def test_one_partition_is_the_event_queue_as_it_was() -> None:
    assert partitions(1).queues == ("switchhook.events",)
    assert queues(NAMES, [1000], 1) == queues(NAMES, [1000])


def test_queues_of_different_numbers_share_no_name() -> None:
    assert partitions(2).queues == ("switchhook.events.0-of-2", "switchhook.events.1-of-2")
    assert not set(partitions(2).queues) & set(partitions(4).queues)


def test_a_partition_has_one_active_consumer_and_keeps_as_much_as_the_event_queue() -> None:
    declared = queues(NAMES, [], 2)
    assert declared["switchhook.events.1-of-2"] == declared["switchhook.events"] | {
        "x-single-active-consumer": True,
        "x-queue-leader-locator": "balanced",
    }


def test_calls_are_hashed_by_their_header_and_the_rest_by_its_routing_key() -> None:
    assert partitions(2).headers == (BY_KEY, "call-id")
    assert hash_arguments("call-id") == {"hash-header": "call-id"}
    assert hash_arguments(BY_KEY) == {}


def test_entries_have_one_name_for_all_numbers_and_lead_to_the_queue_where_there_is_one() -> None:
    assert {partitions(n).entry("call-id") for n in (1, 2, 4)} == {"switchhook.partitions.call-id"}
    assert partitions(4).spread(BY_KEY, 4) == "switchhook.partitions.key.4"
    assert partitions(4).spread(BY_KEY, 1) == "switchhook.events"


def test_a_change_looks_for_all_other_numbers() -> None:
    assert partitions(4).others == (2, 3, *range(5, 33))


def test_events_of_calls_and_of_parking_are_bound_with_the_same_header() -> None:
    (both,) = merged([calls.binding("CHANNEL_CREATE"), parking.BINDING])
    assert both == Binding("callevt", "topic", both.routing_keys, call_header="call-id")


@pytest.mark.parametrize(
    ("count", "workers", "share"),
    [(4, 1, 4), (4, 2, 2), (4, 3, 2), (4, 4, 1), (4, 9, 1), (4, 0, 4)],
)
def test_a_worker_holds_its_share_rounded_up(count: int, workers: int, share: int) -> None:
    assert share_of(count, workers) == share
