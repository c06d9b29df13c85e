import re
from pathlib import Path

import pytest

from service.egress.rules import MEANINGS, in_words

SERVICE = Path(__file__).parents[3] / "service"
ACTORS = ("the operator", "nobody", "correct the URI", "correct it")


def test_every_rule_that_refuses_is_told_in_words() -> None:
    sources = "".join(path.read_text() for path in SERVICE.glob("**/*.py"))
    assert set(re.findall(r'Refusal\(\s*"(\w+)"', sources)) == set(MEANINGS)


@pytest.mark.parametrize("rule", MEANINGS)
def test_the_words_of_a_rule_say_who_can_change_it(rule: str) -> None:
    text = in_words(rule)
    assert text.startswith(f"rule {rule}: ")
    assert any(actor in text for actor in ACTORS)
