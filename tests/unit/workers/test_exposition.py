import os
from pathlib import Path

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric

from service.workers.exposition import Exposition


def families(registry: CollectorRegistry) -> dict[str, Metric]:
    return {family.name: family for family in registry.collect()}


def test_a_process_counts_once_for_each_worker_and_once_for_the_supervisor(tmp_path: Path) -> None:
    alone = families(Exposition(tmp_path, list).registry)
    three = families(Exposition(tmp_path, lambda: [os.getpid(), os.getpid()]).registry)

    def value(found: dict[str, Metric], name: str) -> float:
        return found[name].samples[0].value

    resident = "process_resident_memory_bytes"
    assert 2.5 < value(three, resident) / value(alone, resident) < 3.5
    assert value(three, "process_max_fds") == value(alone, "process_max_fds")
    assert value(three, "switchhook_workers") == 2


def test_a_worker_that_has_just_ended_is_left_out(tmp_path: Path) -> None:
    no_such_process = 2**22 + 1
    found = families(Exposition(tmp_path, lambda: [no_such_process]).registry)
    assert found["process_open_fds"].samples[0].value > 0
