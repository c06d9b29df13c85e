"""Documents generated from the code: `make docs` writes them, a test compares them."""

import re
from pathlib import Path

from service.dev.broker_definitions import own_broker, switchs_broker
from service.dev.dashboard import dashboard
from service.dev.hook_reference import hook_reference
from service.dialects.known import dialects_of
from service.settings.describe import default_file, settings_table
from service.settings.model import Settings

ROOT = Path(__file__).parents[2]


def documents(root: Path) -> dict[Path, str]:
    """Return the text of each document that is generated, or has generated parts."""
    settings = root / "deploy" / "SETTINGS.md"
    text = settings.read_text("utf-8")
    (dialect,) = dialects_of(Settings()).enabled
    rabbitmq = root / "deploy" / "rabbitmq"
    return {
        settings: _with_block(text, "settings", settings_table()),
        rabbitmq / "definitions.json": own_broker(Settings()),
        rabbitmq / "switch-definitions.json": switchs_broker(Settings()),
        root / "config" / "default.yaml": default_file(),
        root / "service" / "dialects" / dialect.name / "HOOKS.md": hook_reference(dialect),
        root / "deploy" / "grafana" / "dashboards" / "switchhook.json": dashboard(),
    }


def _with_block(text: str, name: str, block: str) -> str:
    start, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
    pattern = re.compile(f"{re.escape(start)}.*?{re.escape(end)}", re.DOTALL)
    return pattern.sub(lambda _: f"{start}{block}{end}", text)


def main() -> None:
    """Write all generated documents."""
    for path, text in documents(ROOT).items():
        path.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
