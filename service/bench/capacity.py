"""A model of what a rate of events needs, and at which rate each part reaches its limit. No I/O.

Every need grows in proportion to the rate. `deploy/SCALING.md` has the table, and the source of
each constant.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from service.domain.policy import MOST_PARTITIONS
from service.settings.model import Settings

SIZES = (1_000, 10_000, 100_000)
SECONDS_PER_DAY = 86_400
BUSY = 0.5
"""Share of a core or of a pool to plan with: the rest shrinks a backlog while calls go on."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Microseconds of CPU time for each event, and for each of its deliveries on top."""

    event_us: float
    delivery_us: float = 0.0

    def cores(self, load: "Load") -> float:
        """Return the cores that are busy all the time."""
        return load.events_per_s * (self.event_us + load.fan_out * self.delivery_us) / 1e6


@dataclass(frozen=True, slots=True)
class Costs:
    """Measured costs; `deploy/SCALING.md` names commit, machine and command of each figure."""

    broker: Cost = Cost(86)
    store: Cost = Cost(17, 91)
    worker: Cost = Cost(114, 102)
    body_bytes: float = 1_100
    row_bytes: float = 243
    payload_bytes: float = 268


@dataclass(frozen=True, slots=True)
class Load:
    """The rate of events, and how many receivers answer in what time."""

    events_per_s: float
    fan_out: float = 1.0
    answer_s: float = 0.1
    """Average time until a receiver has answered."""
    average: float = 0.3
    """Average rate over a day, as a share of `events_per_s`, for the size of the log."""


@dataclass(frozen=True, slots=True)
class Means:
    """The machines to run it on, and the settings that decide about them."""

    node_cores: int = 8
    """Cores of a node of the broker, and of the store's primary."""
    members: int = 3
    """Members of a quorum queue: each of them writes every event."""
    disk_gb: float = 2_000
    """Disk of the store for the attempt log."""
    pool_limit: int = Settings().http.pool_limit
    retention_days: float = Settings().attempts.retention_days


@dataclass(frozen=True, slots=True)
class Need:
    """Needs of a load: cores in use, and machines to install.

    Workers and nodes are those of all installations, partitions those of each.
    """

    workers: int
    installations: int
    partitions: int
    broker_nodes: int
    worker_cores: float
    broker_cores: float
    store_cores: float
    in_flight: float
    sent_mbit_s: float
    written_mb_s: float
    log_gb: float


@dataclass(frozen=True, slots=True)
class Limit:
    """The rate of events at which a part is full, and what to do then."""

    part: str
    events_per_s: float
    remedy: str


@dataclass(frozen=True, slots=True)
class Capacity:
    """The model: costs and machines."""

    costs: Costs = field(default_factory=Costs)
    means: Means = field(default_factory=Means)

    def need(self, load: Load) -> Need:
        """Return what a load needs."""
        costs, means = self.costs, self.means
        deliveries_per_s = load.events_per_s * load.fan_out
        worker_cores, in_flight = costs.worker.cores(load), deliveries_per_s * load.answer_s
        workers = _whole(max(worker_cores, in_flight / means.pool_limit) / BUSY)
        installations = _whole(workers / MOST_PARTITIONS)
        broker_cores = costs.broker.cores(load) * means.members
        nodes = _whole(broker_cores / installations / BUSY / means.node_cores)
        return Need(
            workers=workers,
            installations=installations,
            partitions=_whole(workers / installations),
            broker_nodes=installations * max(means.members, nodes),
            worker_cores=worker_cores,
            broker_cores=broker_cores,
            store_cores=costs.store.cores(load),
            in_flight=in_flight,
            sent_mbit_s=deliveries_per_s * costs.body_bytes * 8 / 1e6,
            written_mb_s=load.events_per_s * costs.body_bytes * means.members / 1e6,
            log_gb=self._log_gb(load),
        )

    def _log_gb(self, load: Load) -> float:
        event_bytes = self.costs.payload_bytes + load.fan_out * self.costs.row_bytes
        seconds = SECONDS_PER_DAY * self.means.retention_days
        return load.events_per_s * load.average * seconds * event_bytes / 1e9

    def limits(self, load: Load) -> list[Limit]:
        """Return the limits in the order in which a growing rate of this kind of load meets them.

        The rate of `load` itself does not matter.
        """
        return sorted(self._limits(load), key=lambda limit: limit.events_per_s)

    def _limits(self, load: Load) -> Iterator[Limit]:
        means, one = self.means, Load(1, load.fan_out, load.answer_s, load.average)
        worker = BUSY / self.costs.worker.cores(one)
        pool = BUSY * means.pool_limit / (load.fan_out * load.answer_s)
        yield Limit("a worker's core", worker, "start more workers")
        yield Limit("a worker's pool", pool, "start more workers, or raise `http.pool_limit`")
        # A queue's leader is one process of the broker, which cannot use more than one core.
        queue = BUSY / self.costs.broker.cores(one)
        yield Limit("one queue", queue, "set `amqp.partitions`")
        node = BUSY * means.node_cores / self.costs.broker.cores(one)
        yield Limit("a broker's node", node, "spread the leaders over more nodes than members")
        store = BUSY * means.node_cores / self.costs.store.cores(one)
        disk = means.disk_gb / self._log_gb(one)
        yield Limit("the attempt log's disk", disk, "`attempts.retention_days`, a larger disk")
        yield Limit("the store's primary", store, "`attempts.record_successes: false`")
        together = MOST_PARTITIONS * min(worker, pool)
        yield Limit(f"{MOST_PARTITIONS} partitions", together, "an installation for each zone")


def costs_of(measured: Mapping[str, Mapping[str, float]]) -> Costs:
    """Return the costs by a result of `cores`, which has one webhook per event, and ten."""
    one, ten = measured["one"], measured["ten"]

    def split(name: str) -> Cost:
        delivery_us = max(0.0, (ten[name] - one[name]) / 9)
        return Cost(max(0.0, one[name] - delivery_us), delivery_us)

    return Costs(broker=Cost(one["broker"]), store=split("store"), worker=split("worker"))


def needs_table(capacity: Capacity, loads: Sequence[Load]) -> list[str]:
    """Return what the loads need, as lines of a Markdown table."""
    needs = [capacity.need(load) for load in loads]
    rates = " | ".join(f"{load.events_per_s:,.0f}/s" for load in loads)
    lines = [f"| events | {rates} |", "|---|" + "---:|" * len(loads)]
    for name, title in _TITLES.items():
        cells = " | ".join(_figure(getattr(need, name)) for need in needs)
        lines.append(f"| {title} | {cells} |")
    return lines


def limits_table(limits: Sequence[Limit]) -> list[str]:
    """Return limits as lines of a Markdown table."""
    lines = ["| limit | events/s | then |", "|---|---:|---|"]
    return lines + [
        f"| {each.part} | {_round(each.events_per_s)} | {each.remedy} |" for each in limits
    ]


_TITLES = {
    "workers": "workers, a core each",
    "installations": "installations, each with its own broker",
    "partitions": "`amqp.partitions` of each",
    "broker_nodes": "nodes of the broker",
    "worker_cores": "cores in use: workers",
    "broker_cores": "cores in use: broker, all members",
    "store_cores": "cores in use: store's primary",
    "in_flight": "requests in flight",
    "sent_mbit_s": "bodies sent, Mbit/s",
    "written_mb_s": "events written by the broker, all members, MB/s",
    "log_gb": "attempt log, GB",
}


def _whole(value: float) -> int:
    return max(1, math.ceil(round(value, 6)))


def _figure(value: float) -> str:
    return f"{value:,.0f}" if isinstance(value, int) or value >= 10 else f"{value:.2g}"


def _round(value: float) -> str:
    """Return the rate with two digits; the constants bear no more."""
    return f"{float(f'{value:.2g}'):,.0f}"
