"""Places in the whole service where the value of a setting is found."""

from base64 import b64encode
from collections.abc import Callable
from datetime import timedelta
from operator import attrgetter
from pathlib import Path
from typing import Any

from service.dialects.dialect import Dialect
from service.settings.model import Settings
from service.wiring.parts import secret_box_of
from tests.unit.settings.whole import Whole

Place = Callable[[Whole], list[Any]]


def at(kind: str, path: str, read: Callable[[Any], Any] = lambda found: found) -> Place:
    """Return the place that is an attribute of all parts of a class."""
    get = attrgetter(path)
    return lambda whole: [read(get(part)) for part in whole.named(kind)]


def one(find: Callable[[Whole], Any]) -> Place:
    return lambda whole: [find(whole)]


def lane(name: str, path: str) -> Place:
    """Return the place that is an attribute of a lane."""
    return one(lambda whole: attrgetter(f"{name}.{path}")(whole.service.lanes))


def checked(function: str, number: int, read: Callable[[Any], Any]) -> Place:
    """Return the place that is an argument of what `switchhook check` calls."""
    return lambda whole: [read(call[number]) for call in whole.said[function]]


def server(number: int, argument: int) -> Place:
    return one(lambda whole: whole.servers[number][argument])


def hours(span: timedelta) -> float:
    return span.total_seconds() / 3600


def pooled(whole: Whole, of_lane: str) -> int:
    (places,) = [places for places in whole.named("Places") if places.lane == of_lane]
    return int(places._free.own)


def key(text: str) -> str:
    return f"{text}:{b64encode((32 * text.encode())[:32]).decode()}"


def seeds(client: Any) -> str:
    ((host, port),) = client._topology_settings.seeds
    return f"mongodb://{host}:{port}/"


def authority_of(whole: Whole) -> Any:
    (sender,) = whole.named("HttpSender")
    subjects = [found["subject"] for found in sender._contexts[""].get_ca_certs()]
    known = ((("commonName", "authority of a test"),),) in subjects
    return whole.service.settings.tls.ca_file if known else None


def shown_by(whole: Whole) -> Any:
    (sender,) = whole.named("HttpSender")
    shown = whole.service.settings.tls.client_certificates
    return shown if sender._contexts.keys() == {"", *(one.account_id for one in shown)} else ()


def offered_types(whole: Whole) -> tuple[str, ...]:
    hook = whole.service.dialects.hooks["object"]
    return tuple(hook.modifiers["type"]["items"][1:])


def routes_in(bound: Any) -> tuple[str, ...]:
    keys = [key for binding in bound if binding.exchange == "im" for key in binding.routing_keys]
    return tuple(dict.fromkeys(key.split(".")[2].removesuffix("#") for key in keys))


def application_of(whole: Whole) -> Any:
    return whole.servers[0][0]


def enabled_dialects(whole: Whole) -> tuple[str, ...]:
    return tuple(each.name for each in whole.service.dialects.enabled)


def tokens_of(api: str) -> Place:
    """Return the place where the answers of a switch's API about tokens are cached."""
    return lambda whole: [
        part._cache_s for part in whole.named("CheckedTokens") if part._question.api == api
    ]


def taps_of(dialect: Dialect) -> tuple[str, ...]:
    """Return the kinds of exchanges that a dialect binds."""
    return tuple({binding.exchange_type for binding in dialect.bindings})


def file_of_keys(whole: Whole) -> Path | None:
    """Return the file where its keys are used by a service that is given no others."""
    found = whole.service.settings.secrets
    alone = Settings.model_validate({"secrets": {"keys_file": found.keys_file}})
    return found.keys_file if secret_box_of(alone)._keys.keys() == {"filed"} else None


def parts_of(*paths: tuple[str, str]) -> Callable[[str], tuple[Place, ...]]:
    """Return how the keys of a section are found that is passed on as a whole."""
    return lambda name: tuple(at(kind, f"{path}.{name}") for kind, path in paths)
