"""Every alarm fires when it should and only then, says figures, and has an entry in the runbook."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from service.dev.documents import ROOT
from tests.watch.promtool import RULE_FILES, RULES, alerts, cases, promtool

ALERTS, CASES = alerts(), cases()
RECORDING = yaml.safe_load((RULES / "recording.yml").read_text("utf-8"))["groups"]


def test_prometheus_takes_its_configuration_and_rules() -> None:
    assert "2 rule files found" in promtool("check", "config", str(RULES / "prometheus.yml"))
    promtool("check", "rules", *map(str, RULE_FILES))


def test_recording_rules_make_the_right_figures(tmp_path: Path) -> None:
    tests = yaml.safe_load((Path(__file__).parent / "recording.yaml").read_text("utf-8"))
    promtool("test", "rules", _file(tmp_path, "recording", RECORDING, tests))


def test_every_recording_rule_is_tested() -> None:
    tested = (Path(__file__).parent / "recording.yaml").read_text("utf-8")
    for rule in (rule for group in RECORDING for rule in group["rules"]):
        assert rule["record"] in tested


def test_every_alarm_has_its_cases_and_every_case_its_alarm() -> None:
    assert CASES.keys() == ALERTS.keys()
    assert all(case.keys() == {"fires", "quiet"} for case in CASES.values())


def test_every_alarm_fires_when_it_should_and_keeps_quiet_otherwise(tmp_path: Path) -> None:
    files = []
    for name, case in CASES.items():
        fires, quiet = case["fires"], case["quiet"]
        tests = [_test(name, fires, [_fired(name)]), _test(name, quiet, [])]
        if "for" in ALERTS[name]:
            before = _minutes(fires["at"]) - _minutes(ALERTS[name]["for"])
            tests.append(_test(name, fires | {"at": f"{before}m"}, []))
        # Beside the others, which would be evaluated as well, it takes three times as long.
        rules = [*RECORDING, {"name": name, "rules": [ALERTS[name]]}]
        files.append(_file(tmp_path, name, rules, tests))
    promtool("test", "rules", *files)


@pytest.mark.parametrize("name", ALERTS)
def test_an_alarm_says_how_urgent_it_is_and_what_to_do(name: str) -> None:
    rule = ALERTS[name]
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert rule["annotations"].keys() == {"summary", "description", "runbook_url"}
    path, _, anchor = rule["annotations"]["runbook_url"].partition("#")
    assert anchor in _anchors((ROOT / path).read_text("utf-8"))
    assert anchor == name.lower()


def test_the_runbook_has_no_entry_for_an_alarm_that_is_gone() -> None:
    text = (ROOT / "deploy" / "RUNBOOK.md").read_text("utf-8")
    alarms, _, _ = text.partition("## Recurring tasks")
    assert set(re.findall(r"^### (\w+)", alarms, re.MULTILINE)) == ALERTS.keys()


def _anchors(markdown: str) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", markdown, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


def _minutes(span: str) -> int:
    parts = re.findall(r"(\d+)([hm])", span)
    return sum(int(number) * (60 if unit == "h" else 1) for number, unit in parts)


def _fired(name: str) -> dict[str, Any]:
    """Return what promtool expects of an alarm that fires."""
    rule, case = ALERTS[name], CASES[name]["fires"]
    return {
        "exp_labels": case.get("labels", {}) | {"severity": rule["labels"]["severity"]},
        "exp_annotations": rule["annotations"] | {"description": case["says"]},
    }


def _test(name: str, case: dict[str, Any], expected: list[dict[str, Any]]) -> dict[str, Any]:
    series = [{"series": key, "values": str(value)} for key, value in case["series"].items()]
    question = {"alertname": name, "eval_time": case["at"], "exp_alerts": expected}
    return {"interval": "1m", "input_series": series, "alert_rule_test": [question]}


def _file(directory: Path, name: str, groups: list[dict[str, Any]], tests: Any) -> str:
    """Write promtool's file of some tests, and beside it that of the rules they are about."""
    rules, path = directory / f"{name}.rules.yaml", directory / f"{name}.test.yaml"
    rules.write_text(yaml.safe_dump({"groups": groups}), "utf-8")
    content = {"rule_files": [rules.name], "evaluation_interval": "1m", "tests": tests}
    path.write_text(yaml.safe_dump(content), "utf-8")
    return str(path)
