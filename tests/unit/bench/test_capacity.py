from dataclasses import replace

import pytest

from service.bench.capacity import (
    SIZES,
    Capacity,
    Cost,
    Costs,
    Load,
    Means,
    costs_of,
    limits_table,
    needs_table,
)
from service.dev.documents import ROOT
from service.domain.policy import MOST_PARTITIONS

COSTS = Costs(
    broker=Cost(200),
    store=Cost(20, 80),
    worker=Cost(100, 200),
    body_bytes=1000,
    row_bytes=100,
    payload_bytes=300,
)
MEANS = Means(node_cores=8, members=3, disk_gb=1000, pool_limit=2000, retention_days=10)
MODEL = Capacity(COSTS, MEANS)


def test_a_need_is_the_rate_times_the_cost() -> None:
    need = MODEL.need(Load(1000, fan_out=2, answer_s=0.1, average=0.5))
    assert need.worker_cores == pytest.approx(0.5)
    assert need.broker_cores == pytest.approx(0.6), "each of three members writes each event"
    assert need.store_cores == pytest.approx(0.18)
    assert need.in_flight == pytest.approx(200)
    assert need.sent_mbit_s == pytest.approx(16)
    assert need.written_mb_s == pytest.approx(3)
    assert need.log_gb == pytest.approx(500 * 864_000 * (300 + 200) / 1e9)
    assert (need.workers, need.partitions, need.broker_nodes) == (1, 1, 3)


def test_slow_receivers_need_workers_for_the_pool_instead_of_the_core() -> None:
    load = Load(3000, answer_s=0.1)
    assert MODEL.need(load).workers == 2
    assert MODEL.need(replace(load, answer_s=5.0)).workers == 15


@pytest.mark.parametrize("per_s", [*SIZES, 53_000.0, 54_000.0])
def test_no_installation_has_more_partitions_than_are_allowed(per_s: float) -> None:
    need = MODEL.need(Load(per_s))
    assert need.partitions <= MOST_PARTITIONS
    assert need.partitions * need.installations >= need.workers, "no worker is without one"
    assert need.broker_nodes >= need.installations * MEANS.members


@pytest.mark.parametrize("fan_out", [0.5, 1.0, 10.0])
def test_a_limit_is_where_the_need_of_its_part_is_half_of_it(fan_out: float) -> None:
    for limit in MODEL.limits(Load(1, fan_out)):
        need = MODEL.need(Load(limit.events_per_s, fan_out))
        used = {
            "a worker's core": need.worker_cores,
            "a worker's pool": need.in_flight / MEANS.pool_limit,
            "one queue": need.broker_cores / MEANS.members,
            "a broker's node": need.broker_cores / MEANS.members / MEANS.node_cores,
            "the store's primary": need.store_cores / MEANS.node_cores,
            "the attempt log's disk": need.log_gb / MEANS.disk_gb / 2,
            f"{MOST_PARTITIONS} partitions": max(
                need.worker_cores / MOST_PARTITIONS,
                need.in_flight / MEANS.pool_limit / MOST_PARTITIONS,
            ),
        }[limit.part]
        assert used == pytest.approx(0.5), limit.part


def test_limits_are_in_the_order_in_which_a_growing_rate_meets_them() -> None:
    rates = [limit.events_per_s for limit in MODEL.limits(Load(1))]
    assert rates == sorted(rates)
    assert MODEL.limits(Load(1)) == MODEL.limits(Load(50_000))


def test_costs_are_split_into_those_of_an_event_and_of_a_delivery() -> None:
    one = {"broker": 200.0, "store": 100.0, "worker": 300.0}
    found = costs_of({"one": one, "ten": {"broker": 250.0, "store": 820.0, "worker": 2100.0}})
    assert (found.broker, found.store, found.worker) == (Cost(200), Cost(20, 80), Cost(100, 200))
    noisy = costs_of({"one": one, "ten": one | {"store": 90.0}})
    assert noisy.store == Cost(100, 0), "no cost is below nothing"


def test_the_tables_have_a_column_for_each_load_and_a_line_for_each_limit() -> None:
    loads = [Load(per_s) for per_s in SIZES]
    head, _, *lines = needs_table(MODEL, loads)
    assert head == "| events | 1,000/s | 10,000/s | 100,000/s |"
    assert lines[0] == "| workers, a core each | 1 | 6 | 60 |"
    limits = MODEL.limits(loads[0])
    assert len(limits_table(limits)) == 2 + len(limits)
    assert "| a worker's core | 1,700 | start more workers |" in limits_table(limits)


def test_the_guide_shows_the_tables_of_the_built_in_figures() -> None:
    guide = (ROOT / "deploy" / "SCALING.md").read_text("utf-8").splitlines()
    built_in, loads = Capacity(), [Load(per_s) for per_s in SIZES]
    for line in (*needs_table(built_in, loads), *limits_table(built_in.limits(loads[0]))):
        assert line in guide
