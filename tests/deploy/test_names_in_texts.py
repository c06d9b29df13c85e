"""Every log event, setting and metric that a text for operators names is one that there is."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import yaml

from service.dev.documents import ROOT
from service.settings.model import setting_keys
from service.workers.exposition import Exposition
from tests.fakes import make_metrics

DEPLOY = ROOT / "deploy"
RUNBOOK = DEPLOY / "RUNBOOK.md"
TEXTS = sorted(
    path
    for path in (*DEPLOY.rglob("*"), ROOT / "README.md")
    if path.suffix in {".md", ".yml", ".yaml", ".json", ".conf", ".service", ".js", ".example"}
)
GUIDES = [path for path in TEXTS if path.suffix == ".md"]
LOGGERS = {"debug", "info", "warning", "error", "exception", "log_attempt", "log_asked"}
DOTTED = re.compile(r"(?<![\w./$@<*:-])[a-z_]+(?:\.[a-z_]+)+(?![\w/*-]|\.\w)")
SUFFIXES = {
    "counter": ("_total",),
    "gauge": ("",),
    "info": ("_info",),
    "histogram": ("_bucket", "_sum", "_count"),
}


def test_there_are_texts_to_look_at() -> None:
    assert {RUNBOOK, DEPLOY / "prometheus" / "alerts.yml", ROOT / "README.md"} <= set(TEXTS)
    assert len(events()) > 60
    assert len(looked_for(RUNBOOK.read_text("utf-8"))) > 8


@cache
def events() -> frozenset[str]:
    """Return the names of all log events."""
    return frozenset(name for path in (ROOT / "service").rglob("*.py") for name in _events_in(path))


def _events_in(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
            name = node.args[0]
            if node.func.attr in LOGGERS and isinstance(name, ast.Constant):
                yield str(name.value)


def looked_for(text: str) -> set[str]:
    """Return the dotted names that commands look for in the log."""
    searches = re.findall(r"^journalctl [^\n]*", text, re.MULTILINE)
    return {name for search in searches for name in DOTTED.findall(search.split("|", 1)[-1])}


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_commands_look_for_log_events_that_there_are(path: Path) -> None:
    assert looked_for(path.read_text("utf-8")) - events() == set()


@pytest.mark.parametrize("path", GUIDES, ids=lambda path: path.name)
def test_a_dotted_name_in_a_guide_is_an_event_or_a_setting(path: Path) -> None:
    """Names of other things are told by their first word, which no event and no setting has."""
    known = events() | set(setting_keys())
    ours = {name.partition(".")[0] for name in known}
    quoted = re.findall(r"`([^`\n]+)`", path.read_text("utf-8"))
    named = {name for text in quoted for name in DOTTED.findall(text)}
    suspicious = {name for name in named if name.partition(".")[0] in ours}
    assert {name for name in suspicious - known if not _is_elsewhere(name)} == set()


def _is_elsewhere(name: str) -> bool:
    """Return whether a name is a file's, or a section's."""
    sections = {key.rpartition(".")[0] for key in setting_keys()}
    return name in sections or name.endswith((".py", ".md", ".json", ".yml", ".yaml", ".svg"))


def series(directory: Path) -> set[str]:
    """Return the names of all metrics and series of a worker and of the supervisor."""
    registries = (make_metrics().registry, Exposition(directory, list).registry)
    families = [family for each in registries for family in each.collect()]
    return {
        f"{family.name}{suffix}"
        for family in families
        for suffix in ("", *SUFFIXES.get(family.type, ()))
    }


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_a_metric_named_is_one_that_there_is(path: Path, tmp_path: Path) -> None:
    named = re.findall(r"\bswitchhook_[a-z_]+\b", path.read_text("utf-8"))
    assert set(named) - series(tmp_path) == set()


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_a_recorded_series_named_is_one_that_is_recorded(path: Path) -> None:
    rules = yaml.safe_load((DEPLOY / "prometheus" / "recording.yml").read_text("utf-8"))
    recorded = {rule["record"] for group in rules["groups"] for rule in group["rules"]}
    named = re.findall(r"\bswitchhook:[a-z]\w*(?::\w+)*", path.read_text("utf-8"))
    assert set(named) - recorded == set()
