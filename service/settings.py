"""What an operator sets: defaults, then a YAML file, then the environment.

Every problem is found in one go and says which key it is about, where the value came from, what is
wrong with it and what is allowed. Secrets are never printed.
"""

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

import orjson
import yaml
from annotated_types import Ge, Gt, Le, Len
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic_core import ErrorDetails

from service.domain.errors import SettingsError
from service.domain.policy import CachePolicy, EgressPolicy, HttpPolicy
from service.domain.retry import RetryPolicy
from service.observability.logs import LogPolicy
from service.sources.kazoo.policy import KazooPolicy

PREFIX = "SWITCHHOOK_"
CONFIG_VARIABLE = f"{PREFIX}CONFIG"
SECRET_KEYS = frozenset({"amqp.url", "mongo.url"})

Origins = dict[str, str]


class Section(BaseModel):
    """Settings are frozen, and a key that does not exist is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class AmqpSettings(Section):
    """The broker, and our place on it."""

    url: SecretStr = SecretStr("amqp://guest:guest@127.0.0.1:5672/")
    """Address of the broker; several of a cluster, separated by blanks, are tried in turn."""
    prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,40}$")] = "switchhook"
    """What the names of our exchange and queues begin with."""
    prefetch: Annotated[int, Ge(1), Le(2000)] = 200
    """Events held unacknowledged at most."""
    delivery_prefetch: Annotated[int, Ge(1), Le(2000)] = 100
    """Retries held unacknowledged at most."""
    sources: Annotated[Sequence[Literal["kazoo"]], Len(1)] = ("kazoo",)
    """The dialects of the switches on this broker."""
    declare_sources: bool = True
    """Declare the switch's exchanges exactly as it does, where the broker permits it."""
    publish_timeout_s: Annotated[float, Gt(0.0), Le(60.0)] = 10.0
    """Seconds until a message that was not confirmed is published again."""
    max_message_bytes: Annotated[int, Ge(1024), Le(16_777_216)] = 1_048_576
    """Larger messages are rejected; for gzip this is the unpacked size."""

    @field_validator("url")
    @classmethod
    def _is_amqp(cls, value: SecretStr) -> SecretStr:
        urls = value.get_secret_value().split()
        if not urls or not all(url.startswith(("amqp://", "amqps://")) for url in urls):
            raise ValueError("must begin with amqp:// or amqps://")
        return value

    @property
    def urls(self) -> tuple[str, ...]:
        """The addresses one by one."""
        return tuple(self.url.get_secret_value().split())


class MongoSettings(Section):
    """The store."""

    url: SecretStr = SecretStr("mongodb://127.0.0.1:27017/")
    """Address of MongoDB; several members of a replica set as MongoDB writes them."""
    database: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,60}$")] = "switchhook"
    """The database that holds the collections."""
    timeout_s: Annotated[float, Gt(0.0), Le(60.0)] = 5.0
    """Seconds until a question to the store counts as unanswered."""

    @field_validator("url")
    @classmethod
    def _is_mongodb(cls, value: SecretStr) -> SecretStr:
        if not value.get_secret_value().startswith(("mongodb://", "mongodb+srv://")):
            raise ValueError("must begin with mongodb:// or mongodb+srv://")
        return value


class ApiSettings(Section):
    """Where the API and the health checks listen."""

    host: str = "127.0.0.1"
    """Address to listen on; only this machine unless set otherwise."""
    port: Annotated[int, Ge(1), Le(65_535)] = 8080
    """Port of the API, `/healthz` and `/readyz`."""


class MetricsSettings(Section):
    """Where Prometheus scrapes."""

    host: str = "127.0.0.1"
    """Address to listen on; only this machine unless set otherwise."""
    port: Annotated[int, Ge(1), Le(65_535)] = 9108
    """Port of `/metrics`."""


class AttemptsSettings(Section):
    """The attempt log."""

    retention_days: Annotated[float, Gt(0.0), Le(3650.0)] = 30.0
    """Days until a row is removed by MongoDB."""
    record_successes: bool = True
    """Keep a row of attempts that succeeded, too."""
    buffer_rows: Annotated[int, Ge(1), Le(1_000_000)] = 10_000
    """Rows held while the store is away; then the oldest are dropped and counted."""


class ShutdownSettings(Section):
    """Stopping."""

    grace_s: Annotated[float, Ge(0.0), Le(600.0)] = 15.0
    """Seconds to finish what is in flight; the rest goes back to the broker."""


class HealthSettings(Section):
    """When the service counts as stuck."""

    stall_s: Annotated[float, Gt(0.0), Le(3600.0)] = 120.0
    """Seconds without a message settled, while some are held, until `/healthz` fails."""


class Settings(Section):
    """Everything, frozen."""

    amqp: AmqpSettings = AmqpSettings()
    mongo: MongoSettings = MongoSettings()
    http: HttpPolicy = HttpPolicy()
    retry: RetryPolicy = RetryPolicy()
    egress: EgressPolicy = EgressPolicy()
    cache: CachePolicy = CachePolicy()
    kazoo: KazooPolicy = KazooPolicy()
    api: ApiSettings = ApiSettings()
    metrics: MetricsSettings = MetricsSettings()
    attempts: AttemptsSettings = AttemptsSettings()
    shutdown: ShutdownSettings = ShutdownSettings()
    health: HealthSettings = HealthSettings()
    log: LogPolicy = LogPolicy()


def load_settings(config: str | None, environment: Mapping[str, str]) -> Settings:
    """Return the settings. Raises SettingsError with every problem there is.

    `config` is the path given on the command line; without one, `SWITCHHOOK_CONFIG` counts.
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
    return settings


def _from_file(path: Path) -> tuple[dict[str, Any], Origins]:
    try:
        values = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError([f"{path}: cannot be read: {error}"]) from error
    except yaml.YAMLError as error:
        raise SettingsError([f"{path}: is not YAML: {' '.join(str(error).split())}"]) from error
    if values is None:
        return {}, {}
    if not isinstance(values, dict):
        raise SettingsError([f"{path}: must hold sections such as amqp: and mongo:"])
    return values, {key: f"file {path}" for key in _keys(values)}


def _keys(values: Mapping[Any, Any], above: str = "") -> Iterator[str]:
    for key, value in values.items():
        yield f"{above}{key}"
        if isinstance(value, dict):
            yield from _keys(value, f"{above}{key}.")


def _add_environment(
    values: dict[str, Any], origins: Origins, environment: Mapping[str, str]
) -> list[str]:
    """Lay the environment over the file's values; return what is wrong with it."""
    problems = []
    for variable, text in sorted(environment.items()):
        if not variable.startswith(PREFIX) or variable == CONFIG_VARIABLE:
            continue
        section, _, key = variable.removeprefix(PREFIX).lower().partition("__")
        if section not in Settings.model_fields or not key:
            problems.append(f"variable {variable}: there is no such setting{_like(variable)}")
            continue
        try:
            value = _parse(text)
        except orjson.JSONDecodeError as error:
            problems.append(f"{section}.{key}: variable {variable} is not JSON: {error.msg}")
            continue
        below = values.setdefault(section, {})
        if isinstance(below, dict):
            below[key] = value
            origins[f"{section}.{key}"] = f"variable {variable}"
    return problems


def _parse(text: str) -> Any:
    """Lists, objects and null are JSON; everything else is taken as it stands."""
    return orjson.loads(text) if text[:1] in ("[", "{") or text == "null" else text


def _like(variable: str) -> str:
    names = [f"{PREFIX}{key.replace('.', '__').upper()}" for key in setting_keys()]
    close = get_close_matches(variable, [*names, CONFIG_VARIABLE], n=1)
    return f"; did you mean {close[0]}?" if close else f"; names look like {names[0]}"


def setting_keys() -> list[str]:
    """Return every key there is, as `section.key`."""
    defaults = Settings().model_dump()
    return [f"{section}.{key}" for section, keys in defaults.items() for key in keys]


def _problem(details: ErrorDetails, origins: Origins) -> str:
    path = [str(part) for part in details["loc"]]
    key = ".".join(path[:2])
    place = ".".join(path)
    origin = next(
        (origins[known] for known in (place, key, path[0]) if known in origins), "default"
    )
    text = details["msg"].removeprefix("Value error, ")
    if details["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        section = path[0] if len(path) > 1 else ""
        allowed = sorted(
            {name.partition(".")[2] if section else name.partition(".")[0]
             for name in setting_keys() if not section or name.startswith(f"{section}.")}
        )  # fmt: skip
        return f"{place} ({origin}): there is no such key; allowed are {', '.join(allowed)}"
    shown = "" if key in SECRET_KEYS else f", got {_shown(details['input'])}"
    return f"{key} ({origin}): {text}{shown}"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
