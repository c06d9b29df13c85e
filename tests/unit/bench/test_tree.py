import os
import subprocess
import sys

import pytest

from service.bench.tree import Stat, members, stat_of, tree_cpu_s, tree_pss_mb


def test_a_stat_line_is_read_past_a_name_with_brackets_and_blanks() -> None:
    ticks = os.sysconf("SC_CLK_TCK")
    times = f"{ticks} {2 * ticks} {3 * ticks} {4 * ticks}"
    line = f"42 (a) R b) S 7 42 42 0 -1 4194560 1 2 3 4 {times} 20 0 1 0"
    assert stat_of(line) == Stat(7, 10.0), "its own time and that of its ended children"


def test_a_tree_has_its_roots_and_all_descendants_once() -> None:
    stats = {pid: Stat(parent, 0.0) for pid, parent in {1: 0, 2: 1, 3: 2, 4: 2, 9: 1}.items()}
    assert members(stats, [2, 3]) == {2, 3, 4}
    assert members(stats, [5]) == set(), "a root that has ended"


def test_the_tree_of_this_process_includes_its_child() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        both, alone = tree_pss_mb([os.getpid()]), tree_pss_mb([child.pid])
        assert both > alone > 0
        assert tree_cpu_s([os.getpid()]) > 0
    finally:
        child.communicate()
    assert tree_pss_mb([child.pid]) == pytest.approx(0)
