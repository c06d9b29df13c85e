from pathlib import Path

import pytest

from service.dev.documents import ROOT, documents


@pytest.mark.parametrize("path", documents(ROOT), ids=lambda path: path.name)
def test_what_is_written_of_the_code_is_true_of_it(path: Path) -> None:
    assert path.read_text("utf-8") == documents(ROOT)[path], "run `make docs`"


def test_the_readme_has_a_place_for_each_table() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    for name in ("settings", "hooks"):
        assert text.count(f"<!-- {name} -->") == text.count(f"<!-- /{name} -->") == 1
