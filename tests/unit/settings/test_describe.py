from pathlib import Path

from service.settings.describe import default_file, describe_settings
from service.settings.load import load_settings
from service.settings.model import Settings, setting_keys

ROOT = Path(__file__).parents[3]


def test_every_key_is_described() -> None:
    described = list(describe_settings())
    assert [f"{item.section}.{item.key}" for item in described] == setting_keys()
    assert all(item.meaning.endswith(".") for item in described)


def test_the_file_of_defaults_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "default.yaml"
    path.write_text(default_file(), "utf-8")
    assert load_settings(str(path), {}) == Settings()
