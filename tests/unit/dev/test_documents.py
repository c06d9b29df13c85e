import re
from pathlib import Path

import pytest

from service.dev.documents import ROOT, documents

README = ROOT / "README.md"
WRITTEN = sorted(
    [
        *ROOT.glob("*.md"),
        *(path for name in ("deploy", "service", "tests") for path in (ROOT / name).rglob("*.md")),
    ]
)
DECISIONS = sorted((ROOT / "service" / "decisions").iterdir())
FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
NAMED = re.compile(r"`((?:config|deploy|service|tests)/[\w./-]+)`")


def prose(document: Path) -> str:
    """Return a document without its fenced blocks, where `#` and brackets mean something else."""
    return FENCED.sub("", document.read_text("utf-8"))


def anchors(document: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", prose(document), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", documents(ROOT), ids=lambda path: path.name)
def test_what_is_written_of_the_code_is_true_of_it(path: Path) -> None:
    assert path.read_text("utf-8") == documents(ROOT)[path], "run `make docs`"


def test_the_settings_document_has_a_place_for_the_table() -> None:
    text = (ROOT / "deploy" / "SETTINGS.md").read_text("utf-8")
    assert text.count("<!-- settings -->") == text.count("<!-- /settings -->") == 1


def test_the_readme_has_at_most_200_lines() -> None:
    assert len(README.read_text("utf-8").splitlines()) <= 200


@pytest.mark.parametrize("document", WRITTEN, ids=name_of)
def test_every_link_leads_to_a_file_and_to_a_heading_in_it(document: Path) -> None:
    links = [link for link in LINK.findall(prose(document)) if "://" not in link]
    for link in links:
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("document", WRITTEN, ids=name_of)
def test_every_path_that_a_document_names_exists(document: Path) -> None:
    named = NAMED.findall(prose(document))
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_the_readme_leads_to_every_document_but_the_single_decisions() -> None:
    linked = {(ROOT / link.partition("#")[0]).resolve() for link in LINK.findall(prose(README))}
    assert {*WRITTEN} - {README, *DECISIONS} <= linked
    assert DECISIONS[0].parent in linked


def test_decisions_are_numbered_without_a_gap() -> None:
    numbers = [int(path.name.partition("-")[0]) for path in DECISIONS]
    assert numbers == list(range(1, len(DECISIONS) + 1))


@pytest.mark.parametrize("decision", DECISIONS, ids=lambda path: path.name)
def test_a_decision_has_five_lines(decision: Path) -> None:
    title, *rest = decision.read_text("utf-8").splitlines()
    assert title.startswith(f"# {decision.name.partition('-')[0]}: ")
    members = [re.match(r"- \*\*(\w+):\*\* \S", line) for line in rest]
    names = [member and member[1] for member in members]
    assert names == ["Date", "Context", "Decision", "Consequence"]
