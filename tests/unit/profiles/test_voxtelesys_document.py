"""The document of the profile says what the code does."""

import re
import shlex
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import orjson
import pytest

from service.dev.documents import ROOT
from service.profiles.known import PROFILES
from service.profiles.profile import RequestKind
from service.profiles.voxtelesys import table
from service.profiles.voxtelesys.kinds import KINDS

DOCUMENT = Path(table.__file__).with_name("VOXTELESYS.md").read_text("utf-8")
HOOKS = (ROOT / "service" / "dialects" / "kazoo" / "HOOKS.md").read_text("utf-8")
API = (ROOT / "service" / "api" / "API.md").read_text("utf-8")
SAMPLES = re.findall(r'^(curl -sf "\$RECEIVER".*?)^```', DOCUMENT, re.MULTILINE | re.DOTALL)
ROW = re.compile(r"^\| \[.*?\]\(.*?\).*? \| `(.*?)` \| (.*?) ?\| (.*?) ?\| (form|JSON) \|$", re.M)


def block(name: str) -> str:
    return DOCUMENT.partition(f"<!-- {name} -->\n")[2].partition(f"<!-- /{name} -->")[0]


def members_in(command: str) -> dict[str, Any]:
    """Return what a sample of the document sends, in a form or as JSON."""
    words = shlex.split(command)
    sent = [words[n + 1] for n, word in enumerate(words) if word in ("-d", "--data-urlencode")]
    if sent[0].startswith("{"):
        members: dict[str, Any] = orjson.loads(sent[0])
        return members
    return dict(parse_qsl("&".join(sent), strict_parsing=True))


def test_its_tables_are_those_of_the_code() -> None:
    assert block("calls") == table.call_table()
    assert block("recordings") == table.recording_table()
    assert block("receipts") == table.receipt_table()


@pytest.mark.parametrize(("kind", "sample"), [*zip(KINDS, SAMPLES, strict=True)])
def test_its_samples_are_the_examples_of_the_schemas(kind: RequestKind, sample: str) -> None:
    assert members_in(sample) == kind.example


def test_it_says_why_a_request_never_comes_from_a_switch() -> None:
    for kinds in PROFILES["voxtelesys"].never.values():
        for why in kinds.values():
            assert why.rstrip(".") in DOCUMENT.replace("\n", " ")


def test_the_documents_of_hooks_and_api_say_that_no_receipt_comes_from_kazoo() -> None:
    why = PROFILES["voxtelesys"].never["kazoo"]["voxtelesys-dlr"]
    assert f"| `voxtelesys-dlr/1`: Delivery receipt | never comes: {why} |" in HOOKS
    assert "no delivery receipt (`voxtelesys-dlr`) comes from Kazoo" in API.replace("\n", " ")


def test_it_lists_every_request_with_the_hooks_that_it_is_made_of() -> None:
    listed = {
        schema: (set(re.findall(r"\w+", kazoo)), set(re.findall(r"\w+", voipbin)), form)
        for schema, kazoo, voipbin, form in ROW.findall(DOCUMENT)
    }
    assert listed == {
        kind.schema_id: (
            *(
                {
                    place.hook_id
                    for place in PROFILES["voxtelesys"].places
                    if (place.source, place.kind) == (source, kind)
                }
                for source in ("kazoo", "voipbin")
            ),
            "JSON" if kind.in_json else "form",
        )
        for kind in KINDS
    }
