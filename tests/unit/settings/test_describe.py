from pathlib import Path

from service.settings.describe import default_file, describe_settings, settings_table
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


def test_the_example_in_the_repository_is_the_file_of_defaults() -> None:
    assert (ROOT / "config/default.yaml").read_text("utf-8") == default_file()


def test_the_readme_has_the_table_of_settings() -> None:
    assert settings_table() in (ROOT / "README.md").read_text("utf-8")
