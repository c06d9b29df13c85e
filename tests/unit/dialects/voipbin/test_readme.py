from pathlib import Path

from service.dialects.voipbin import table
from service.dialects.voipbin.kinds import KINDS

README = Path(table.__file__).with_name("README.md")


def test_the_readme_lists_every_event() -> None:
    listed = README.read_text("utf-8").partition("<!-- events -->\n")[2]
    assert listed == f"{table.event_table()}\n<!-- /events -->\n"
    assert len(listed.splitlines()) == len(KINDS) + 3
