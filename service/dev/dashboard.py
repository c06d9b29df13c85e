"""Grafana's dashboard as a short description: five rows, from "is it well" down to the machine.

`make docs` writes it to deploy/grafana. A query that returns nothing while all is well ends in
`or vector(0)`, so that a panel without data is always a fault.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

WIDTH, HEIGHT = 24, 7
SOURCE = {"type": "prometheus", "uid": "prometheus"}
NOBODY = " or vector(0)"


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel and its queries: PromQL by legend.

    Values from `alarm` on are coloured red; with `at_least`, values below it.
    """

    title: str
    queries: dict[str, str]
    unit: str = "short"
    note: str = ""
    stat: bool = False
    alarm: float | None = None
    at_least: bool = False


def _by(label: str, metric: str, more: str = "") -> dict[str, str]:
    """Return the rate of a counter by one of its labels; `more` selects."""
    return {f"{{{{{label}}}}}": f"sum by ({label}) (rate({metric}{more}[$__rate_interval]))"}


def _percentiles(histogram: str) -> dict[str, str]:
    rates = f"sum by (le) (rate({histogram}_bucket[$__rate_interval]))"
    return {
        f"p{round(share * 100)}": f"histogram_quantile({share}, {rates})"
        for share in (0.5, 0.95, 0.99)
    }


def _mean(histogram: str) -> str:
    rates = [f"sum(rate({histogram}_{part}[$__rate_interval]))" for part in ("sum", "count")]
    return f"({' / '.join(rates)} >= 0){NOBODY}"


def _waiting(lane: str) -> str:
    return f'max(switchhook:lane_waiting{{lane="{lane}"}})'


ROWS: dict[str, Sequence[Panel]] = {
    "Is it well?": (
        Panel(
            "Delivered within a second",
            {"last hour": "1 - (switchhook:delivered_late:ratio_rate1h >= 0) or vector(1)"},
            "percentunit",
            "Of deliveries at first attempt. Measured from consuming the event to the answer.",
            stat=True,
            alarm=0.99,
            at_least=True,
        ),
        Panel(
            "Failed by us",
            {"last hour": f"switchhook:failed_by_us:increase1h{NOBODY}"},
            note="Dead letters and rejected messages with reason bug. There should be none.",
            stat=True,
            alarm=1,
        ),
        Panel(
            "Backlog of events",
            {"seconds": f'(switchhook:lane_backlog_seconds{{lane="events"}} < Inf){NOBODY}'},
            "s",
            "Time to drain the waiting events at the present rate.",
            stat=True,
            alarm=30,
        ),
        Panel(
            "Oldest event held",
            {"age": 'max(switchhook_oldest_unacked_seconds{lane="events"})'},
            "s",
            stat=True,
            alarm=60,
        ),
        Panel(
            "Oldest message not begun",
            {"age": "max(switchhook_oldest_not_begun_seconds)"},
            "s",
            stat=True,
            alarm=5,
        ),
        Panel(
            "Broker, store, bindings",
            {
                "broker": "min(switchhook_broker_connected) - max(switchhook_broker_blocked)",
                "store": "min(switchhook_store_up)",
                "bindings": "min(switchhook_source_bound)",
            },
            "bool_on_off",
            stat=True,
            alarm=1,
            at_least=True,
        ),
        Panel(
            "Alarms",
            {"firing": f'count(ALERTS{{alertname=~"Switchhook.+", alertstate="firing"}}){NOBODY}'},
            note="deploy/RUNBOOK.md explains each of them.",
            stat=True,
            alarm=1,
        ),
    ),
    "What flows?": (
        Panel("Events by hook", _by("hook", "switchhook_events_consumed_total"), "eps"),
        Panel("Deliveries by outcome", _by("outcome", "switchhook_deliveries_total"), "ops"),
        Panel("Messages settled by lane", {"{{lane}}": "switchhook:lane_settled:rate5m"}, "ops"),
        Panel(
            "Messages that wait",
            {
                "events": _waiting("events"),
                "deliveries": _waiting("deliveries"),
                "dead letters": _waiting("dead_letters"),
                "retry tiers": 'sum(rabbitmq_queue_messages_ready{queue=~"switchhook.retry.+"})',
                "rejected": 'max(rabbitmq_queue_messages_ready{queue="switchhook.rejected"})',
            },
        ),
        Panel(
            "Batches",
            {
                "open": "sum(switchhook_batches_open)",
                "deliveries waiting": "sum(switchhook_deliveries_in_batches)",
                "deliveries per request": _mean("switchhook_batch_deliveries"),
            },
        ),
    ),
    "How fast?": (
        Panel(
            "From event to delivery, first attempt",
            _percentiles("switchhook_event_to_delivery_seconds"),
            "s",
        ),
        Panel("Attempts", _percentiles("switchhook_attempt_duration_seconds"), "s"),
        Panel(
            "Begun late",
            {
                "first attempts": f"switchhook:begun_late:ratio_rate5m{NOBODY}",
                "deliveries": f"(switchhook:delivered_late:ratio_rate5m >= 0){NOBODY}",
            },
            "percentunit",
            "First attempts begun over a second late are our fault; the rest may be receivers'.",
        ),
    ),
    "Who suffers?": (
        Panel(
            "Failed attempts by outcome",
            _by("outcome", "switchhook_attempts_total", '{outcome!="succeeded"}'),
            "ops",
        ),
        Panel(
            "Places and lines",
            {
                "places held": "sum(switchhook_places_held)",
                "deliveries in line": "sum(switchhook_deliveries_in_line)",
                "messages parked": "sum(switchhook_messages_parked)",
            },
            note="Parked messages wait for a hanging receiver, the broker or the store.",
        ),
        Panel("Deferrals by reason", _by("reason", "switchhook_deferrals_total"), "ops"),
        Panel(
            "Dead letters by reason",
            {"{{reason}}": "sum by (reason) (increase(switchhook_dead_letters_total[5m]))"},
            note="Within five minutes.",
        ),
        Panel(
            "Rejected messages by reason",
            {"{{reason}}": "sum by (reason) (increase(switchhook_events_rejected_total[5m]))"},
            note="Within five minutes.",
        ),
        Panel(
            "Endpoints and webhooks",
            {
                "breakers open": "max(switchhook_endpoint_breakers_open)",
                "certificates about to end": "max(switchhook_endpoint_certificates_expiring)",
                "disabled in an hour": "sum(increase(switchhook_webhooks_disabled_total[1h]))",
                "half way there": "sum(increase(switchhook_webhooks_warned_total[1h]))",
            },
        ),
    ),
    "The machine": (
        Panel(
            "Connections",
            {"in use": "sum(switchhook_pool_in_use)", "limit": "sum(switchhook_pool_limit)"},
        ),
        Panel(
            "Memory",
            {"{{instance}}": 'process_resident_memory_bytes{job="switchhook"}'},
            "bytes",
        ),
        Panel(
            "Processor",
            {
                "{{instance}}": (
                    'rate(process_cpu_seconds_total{job="switchhook"}[$__rate_interval])'
                )
            },
            note="CPU seconds per second, all workers together.",
        ),
        Panel("Event loop lag", _percentiles("switchhook_event_loop_lag_seconds"), "s"),
        Panel("Publishing, until confirmed", _percentiles("switchhook_publish_seconds"), "s"),
        Panel("MongoDB, until answered", _percentiles("switchhook_store_seconds"), "s"),
        Panel(
            "Attempt log",
            {
                "waiting": "sum(switchhook_attempt_log_waiting)",
                "dropped in 5 min": "sum(increase(switchhook_attempt_log_dropped_total[5m]))",
            },
        ),
        Panel(
            "Workers",
            {
                "running": f"sum(switchhook_workers){NOBODY}",
                "restarted in an hour": (
                    f"sum(increase(switchhook_worker_restarts_total[1h])){NOBODY}"
                ),
                "version {{version}}": "count by (version) (switchhook_build_info)",
            },
            note="Zero running without `--workers`: then no supervisor counts workers.",
        ),
    ),
}


def dashboard() -> str:
    """Return the dashboard in Grafana's import format."""
    document = {
        "uid": "switchhook",
        "title": "Switchhook",
        "tags": ["switchhook"],
        "timezone": "browser",
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "schemaVersion": 37,
        "panels": list(_placed()),
    }
    return orjson.dumps(document, option=orjson.OPT_INDENT_2).decode() + "\n"


def _placed() -> Iterator[dict[str, Any]]:
    """Yield the rows and, below each, its panels side by side."""
    top = 0
    for title, panels in ROWS.items():
        yield {"type": "row", "title": title, "gridPos": _place(0, top, WIDTH, 1)}
        top += 1
        width = WIDTH // min(len(panels), 4 if not panels[0].stat else len(panels))
        a_row = WIDTH // width
        for index, panel in enumerate(panels):
            line, column = divmod(index, a_row)
            place = _place(column * width, top + line * HEIGHT, width, HEIGHT)
            yield _panel(panel) | {"gridPos": place}
        top += -(-len(panels) // a_row) * HEIGHT


def _place(x: int, y: int, w: int, h: int) -> dict[str, int]:
    return {"x": x, "y": y, "w": w, "h": h}


def _panel(panel: Panel) -> dict[str, Any]:
    targets = [
        {"refId": chr(ord("A") + index), "expr": expr, "legendFormat": legend, "datasource": SOURCE}
        for index, (legend, expr) in enumerate(panel.queries.items())
    ]
    return {
        "type": "stat" if panel.stat else "timeseries",
        "title": panel.title,
        "description": panel.note,
        "datasource": SOURCE,
        "targets": targets,
        "fieldConfig": {"defaults": _field(panel), "overrides": []},
    }


def _field(panel: Panel) -> dict[str, Any]:
    below, above = ("red", "green") if panel.at_least else ("green", "red")
    steps: list[dict[str, Any]] = [{"color": "green", "value": None}]
    if panel.alarm is not None:
        steps = [{"color": below, "value": None}, {"color": above, "value": panel.alarm}]
    return {"unit": panel.unit, "min": 0, "thresholds": {"mode": "absolute", "steps": steps}}


def queries() -> list[str]:
    """Return every query in plain PromQL, without Grafana's variables."""
    return [
        expr.replace("$__rate_interval", "1m")
        for panels in ROWS.values()
        for panel in panels
        for expr in panel.queries.values()
    ]
