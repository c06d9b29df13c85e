"""The settings in force as an operator may see them: values with secrets hidden, and origins."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr
from pydantic_core import to_json

from service.settings.load import SECRET_KEYS
from service.settings.model import Settings, settings_in

HIDDEN = "(hidden)"


@dataclass(frozen=True, slots=True)
class InForce:
    """A setting with its value as JSON, and the origin of the value."""

    key: str
    value: str
    origin: str
    changed: bool


def settings_in_force(settings: Settings) -> Iterator[InForce]:
    """Yield every setting, in order."""
    defaults = {_key(*place): value for *place, value in settings_in(Settings().model_dump())}
    for section, name, value in settings_in(settings.model_dump()):
        key = _key(section, name)
        changed = value != defaults.get(key)
        yield InForce(key, _shown(key, value), settings.origin_of(key), changed)


def _key(section: str, name: str) -> str:
    return f"{section}.{name}"


def _shown(key: str, value: Any) -> str:
    if isinstance(value, SecretStr) or key in SECRET_KEYS:
        return HIDDEN if value else "null"
    return to_json(value, fallback=str).decode()
