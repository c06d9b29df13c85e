"""Descriptions of the settings: the table for the documents and the file of all defaults."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr
from pydantic_core import to_json

from service.settings.model import Settings, settings_in


@dataclass(frozen=True, slots=True)
class Description:
    """One key with its default, as JSON, and its meaning."""

    section: str
    key: str
    default: str
    meaning: str


def describe_settings() -> Iterator[Description]:
    """Yield every key, in order."""
    schema = Settings.model_json_schema()
    for section, key, default in settings_in(Settings().model_dump()):
        properties = schema["properties"]
        for name in section.split("."):
            properties = schema["$defs"][_kind(properties[name])]["properties"]
        meaning = " ".join(properties[key]["description"].split())
        yield Description(section, key, _json(default), meaning)


def _json(default: Any) -> str:
    # The defaults of secret settings are public.
    plain = default.get_secret_value() if isinstance(default, SecretStr) else default
    return to_json(plain).decode()


def _kind(reference: dict[str, Any]) -> str:
    return str(reference["$ref"]).rpartition("/")[2]


def settings_table() -> str:
    """Return the table of `deploy/SETTINGS.md`, in Markdown."""
    rows = ["| key | default | meaning |", "|---|---|---|"]
    rows += [
        f"| `{item.section}.{item.key}` | {_short(item.default)} | {item.meaning} |"
        for item in describe_settings()
    ]
    return "\n".join(rows) + "\n"


def _short(default: str) -> str:
    return f"`{default}`" if len(default) <= 60 else "the documented list"


def default_file() -> str:
    """Return a YAML file that sets every key to its default, each with its meaning."""
    lines = ["# Every setting, at its default. Written by `switchhook settings --yaml`."]
    section = None
    for item in describe_settings():
        above, _, name = item.section.rpartition(".")
        indent = "  " if above else ""
        if item.section != section:
            section = item.section
            lines += ["", f"{indent}{name}:"]
        lines += [f"{indent}  # {item.meaning}", f"{indent}  {item.key}: {item.default}"]
    return "\n".join(lines) + "\n"
