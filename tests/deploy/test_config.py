"""The files of `config/`: the service reads each of them, and finds no key it does not know."""

from pathlib import Path

from service.dev.documents import ROOT
from service.settings.load import load_settings
from tests.forking.client import switchhook

DEVELOPMENT = str(ROOT / "config" / "development.yaml")
PRODUCTION = str(ROOT / "config" / "production.example.yaml")
KEY = "k1:" + "A" * 43 + "="


def test_the_example_for_production_is_usable_with_a_file_of_keys(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text(f"{KEY}\n")
    settings = load_settings(PRODUCTION, {"SWITCHHOOK_SECRETS__KEYS_FILE": str(keys)})
    assert settings.egress.require_https
    assert settings.egress.ports
    assert not settings.egress.allow
    assert [name for name, _ in settings.secrets.named()] == ["k1"]
    assert settings.log.format == "json"


async def test_the_file_for_development_passes_every_check(settings: dict[str, str]) -> None:
    servers = {key: value for key, value in settings.items() if "EGRESS" not in key}
    code, text = await switchhook("check", "--config", DEVELOPMENT, env=servers)
    assert code == 0, text
    assert text.startswith("ok       settings  valid")
    assert "problem" not in text


def test_development_reaches_receivers_on_this_machine_alone() -> None:
    settings = load_settings(DEVELOPMENT, {})
    assert all(network.is_loopback for network in settings.egress.allow)
    assert settings.api.host == settings.metrics.host == "127.0.0.1"
