from typing import Any

from service.bench.peers.table import failures, table

FIGURES: dict[str, Any] = {
    "drain": {"per_s": 1234.5, "cpu_s_per_1000": 0.5, "pss_mb": 321.4},
    "latency_slow": {"per_s": 50, "p50_ms": 1.234, "p99_ms": 20.0},
    "latency_half": {"per_s": 600, "p50_ms": 2.0, "p99_ms": 30.0},
    "order": {"events": 1000, "overtaken": 7},
    "killed": {"events": 2000, "lost": 1, "duplicates": 230},
    "fairness": {"without_p99_ms": 15.0, "beside_p99_ms": 16.0},
}


def test_each_peer_has_a_column_and_each_figure_a_line() -> None:
    lines = table({"Switchhook": FIGURES, "Svix": FIGURES | {"order": {"failed": "no answer"}}})
    assert lines[0].split() == ["Switchhook", "Svix"]
    text = "\n".join(lines)
    for figure in ("1,234", "0.5", "321", "1.23 / 20", "600/s", "15", "16", "1 of 2000", "230"):
        assert figure in text
    assert lines[-1].split()[-4:] == ["7", "of", "1000", "failed"]


def test_what_was_not_measured_has_a_dash_and_what_failed_its_reason() -> None:
    results = {"Svix": {"start": {"failed": "postgres did not start"}}}
    assert all(line.endswith("-") for line in table(results)[1:])
    assert failures(results) == ["Svix, start: postgres did not start"]
    assert failures({"Switchhook": FIGURES}) == []
