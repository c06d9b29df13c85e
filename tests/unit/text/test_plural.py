import re
from pathlib import Path

import pytest

from service.text.plural import counted

SERVICE = Path(__file__).parents[3] / "service"
NOUNS = "webhooks|characters|dead letters|letters|documents|accounts|attempts|tokens|replays"
CONSTANTS = re.compile(r"\{[A-Z_]+\b")


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 webhooks"), (1, "1 webhook"), (2, "2 webhooks")]
)
def test_one_thing_is_told_in_the_singular(number: int, text: str) -> None:
    assert counted(number, "webhook") == text


def test_no_message_puts_a_number_before_a_plural_without_looking_at_it() -> None:
    pattern = re.compile(rf"\{{[^{{}}]*\}} ({NOUNS})\b")
    found = [
        f"{path.name}: {match[0]}"
        for path in SERVICE.glob("**/*.py")
        if "bench" not in path.parts
        for match in pattern.finditer(path.read_text())
        if not CONSTANTS.match(match[0])
    ]
    assert found == []
