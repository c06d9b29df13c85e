"""Metrics of all workers, combined as one service, and of the supervisor itself."""

import os
import resource
from collections.abc import Callable, Iterable
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, PlatformCollector, ProcessCollector
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from service.workers.watchdog import Frozen

Pids = Callable[[], list[int]]
"""The process ids of the workers that run."""

ADDED_UP = (
    "process_cpu_seconds",
    "process_open_fds",
    "process_resident_memory_bytes",
    "process_virtual_memory_bytes",
)
"""Metrics summed over the processes; the others, start and limits, are the supervisor's."""


class Exposition:
    """Registry of the supervisor's `/metrics`; each `KeptWorker` counts `restarts` and `frozen`."""

    def __init__(self, directory: Path, pids: Pids) -> None:
        self.registry = CollectorRegistry()
        Gauge(
            "switchhook_workers", "Running worker processes", registry=self.registry
        ).set_function(lambda: len(pids()))
        self.restarts = Counter(
            "switchhook_worker_restarts_total",
            "Workers started again because they died",
            registry=self.registry,
        )
        self.frozen = Counter(
            "switchhook_workers_frozen_total",
            "Workers killed because a signal had stopped them, or because they did not answer",
            ["how"],
            registry=self.registry,
        )
        for how in Frozen:
            self.frozen.labels(how.value)
        MultiProcessCollector(self.registry, str(directory))  # type: ignore[no-untyped-call]
        PlatformCollector(registry=self.registry)
        self.registry.register(_Processes(pids))


class _Processes(Collector):
    """`process_*` of supervisor and workers together."""

    def __init__(self, pids: Pids) -> None:
        self._pids = pids

    def collect(self) -> Iterable[Metric]:
        """See `Collector`. CPU time of ended workers stays included: a counter must not fall."""
        total = _by_name(os.getpid())
        if not total:
            return []
        for pid in self._pids():
            for name, metric in _by_name(pid).items():
                if name in ADDED_UP:
                    _add(total[name], metric.samples[0].value)
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        _add(total["process_cpu_seconds"], ended.ru_utime + ended.ru_stime)
        return total.values()


def _by_name(pid: int) -> dict[str, Metric]:
    """Return the kernel's figures on a process; empty if the process has just ended."""
    collector = ProcessCollector(pid=lambda: pid, registry=None)
    return {metric.name: metric for metric in collector.collect()}


def _add(metric: Metric, value: float) -> None:
    sample = metric.samples[0]
    metric.samples[0] = sample._replace(value=sample.value + value)
