"""Read the settings: defaults, then a YAML file, then the environment.

All problems are reported at once. Each names the key, the origin of its value, the fault and the
values allowed. Secrets are never printed.
"""

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import orjson
import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from service.domain.errors import SettingsError
from service.settings.model import Settings, setting_keys

PREFIX = "SWITCHHOOK_"
CONFIG_VARIABLE = f"{PREFIX}CONFIG"
TOKEN_VARIABLE = f"{PREFIX}API_TOKEN"
"""Token of the commands that ask the API; no setting of the service."""
WEBHOOK_SECRET_VARIABLE = f"{PREFIX}WEBHOOK_SECRET"
"""Secret of `switchhook verify`; no setting of the service either."""
OTHER_VARIABLES = (CONFIG_VARIABLE, TOKEN_VARIABLE, WEBHOOK_SECRET_VARIABLE)
SECRET_KEYS = (
    "amqp", "amqp.url", "mongo", "mongo.url", "secrets", "secrets.keys", "secrets.signing_key",
)  # fmt: skip
"""Keys whose values hold secrets; a section counts, as an operator may write a URL in its place."""

Origins = dict[str, str]


def load_settings(config: str | None, environment: Mapping[str, str]) -> Settings:
    """Return the settings. Raises SettingsError with every problem found.

    `config` is the path given on the command line; without it, `SWITCHHOOK_CONFIG` names the file.
    """
    path = config or environment.get(CONFIG_VARIABLE)
    values, origins = _from_file(Path(path)) if path else ({}, {})
    problems = _add_environment(values, origins, environment)
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        problems += [_problem(details, origins) for details in error.errors(include_url=False)]
    if problems:
        raise SettingsError(problems)
    settings.note_origins(origins)
    return settings


def _from_file(path: Path) -> tuple[dict[str, Any], Origins]:
    try:
        values = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError([f"{path}: cannot be read: {error}"]) from error
    except yaml.YAMLError as error:
        raise SettingsError([f"{path}: is not YAML{_place(error)}"]) from error
    if values is None:
        return {}, {}
    if not isinstance(values, dict):
        raise SettingsError([f"{path}: must hold sections such as amqp: and mongo:"])
    return values, {key: f"file {path}" for key in _keys(values)}


def _place(error: yaml.YAMLError) -> str:
    """Return position and reason, but not the text at that position: it may be a password."""
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return ""
    mark = error.problem_mark
    return f": line {mark.line + 1}, column {mark.column + 1}: {error.problem}"


def _keys(values: Mapping[Any, Any], above: str = "") -> Iterator[str]:
    for key, value in values.items():
        yield f"{above}{key}"
        if isinstance(value, dict):
            yield from _keys(value, f"{above}{key}.")


def _add_environment(
    values: dict[str, Any], origins: Origins, environment: Mapping[str, str]
) -> list[str]:
    """Override the file's values with the environment; return the problems of the environment."""
    problems = []
    for variable, text in sorted(environment.items()):
        if not variable.startswith(PREFIX) or variable in OTHER_VARIABLES:
            continue
        path = variable.removeprefix(PREFIX).lower().split("__")
        key = path[-1]
        if path[0] not in Settings.model_fields or len(path) == 1 or not all(path):
            problems.append(f"variable {variable}: there is no such setting{_like(variable)}")
            continue
        try:
            value = _parse(text)
        except orjson.JSONDecodeError as error:
            problems.append(f"{'.'.join(path)}: variable {variable} is not JSON: {error.msg}")
            continue
        below = _section(values, path[:-1])
        if below is not None:
            below[key] = value
            origins[".".join(path)] = f"variable {variable}"
    return problems


def _section(values: dict[str, Any], path: Sequence[str]) -> dict[str, Any] | None:
    """Return the section at a path, created if missing; None if another value is there."""
    for name in path:
        below = values.setdefault(name, {})
        if not isinstance(below, dict):
            return None
        values = below
    return values


def _parse(text: str) -> Any:
    """Parse lists, objects and null as JSON; return any other text unchanged."""
    return orjson.loads(text) if text[:1] in ("[", "{") or text == "null" else text


def _like(variable: str) -> str:
    names = [f"{PREFIX}{key.replace('.', '__').upper()}" for key in setting_keys()]
    close = get_close_matches(variable, [*names, *OTHER_VARIABLES], n=1)
    return f"; did you mean {close[0]}?" if close else f"; names look like {names[0]}"


def _problem(details: ErrorDetails, origins: Origins) -> str:
    path = [str(part) for part in details["loc"]]
    key = next((name for name in setting_keys() if _is_at(name, path)), ".".join(path[:2]))
    place = ".".join(path)
    origin = next(
        (origins[known] for known in (place, key, path[0]) if known in origins), "default"
    )
    text = details["msg"].removeprefix("Value error, ")
    if details["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        above = "".join(f"{part}." for part in path[:-1])
        allowed = sorted(
            {name.removeprefix(above).partition(".")[0]
             for name in setting_keys() if name.startswith(above)}
        )  # fmt: skip
        return f"{place} ({origin}): there is no such key; allowed are {', '.join(allowed)}"
    shown = "" if key in SECRET_KEYS else f", got {_shown(details['input'])}"
    return f"{key} ({origin}): {text}{shown}"


def _is_at(key: str, path: Sequence[str]) -> bool:
    """Return whether a path, which may lead to an item of a list, belongs to a key."""
    parts = key.split(".")
    return list(path[: len(parts)]) == parts


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
