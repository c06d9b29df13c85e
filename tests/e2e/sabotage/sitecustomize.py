"""Makes a service fail in one of its layers: Python imports this first where it is on the path.

A layer fails once for each file of its name in the directory SABOTAGE. What it was given, secrets
among it, is then in the locals of the frames of its traceback.
"""

import os
from collections.abc import Callable
from functools import wraps
from importlib import import_module
from typing import Any

# Functions that others import by name come before the modules that do so.
LAYERS = {
    "match": ("service.pipeline.match", "subscribed"),
    "build": ("service.pipeline.request.build", "request_for"),
    "decoder": ("service.dialects.kazoo.decode", "KazooDecoder.decode"),
    "sender": ("service.adapters.http.sender", "HttpSender.send"),
    "store": ("service.adapters.mongo.webhooks", "MongoWebhooks.account"),
    "publisher": ("service.adapters.rabbitmq.publishing.publisher", "Publisher._publish"),
    "management": ("service.management.webhooks", "Webhooks.create"),
    "handler": ("service.api.resources.webhooks", "WebhookHandlers.create"),
}


class SabotagedError(Exception):
    """A fault that nobody foresaw."""


def failing(layer: str, function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def call(*given: Any, **named: Any) -> Any:
        try:
            os.unlink(f"{os.environ['SABOTAGE']}/{layer}")  # noqa: PTH108 (nothing is imported yet)
        except FileNotFoundError:
            return function(*given, **named)
        told = [vars(one) if hasattr(one, "__dict__") else contents(one) for one in given]
        raise SabotagedError(f"sabotaged: {layer}, given {len(told)}")

    return call


def contents(value: Any) -> dict[str, Any]:
    """Return what the representation of a value may hide."""
    return {name: getattr(value, name) for name in getattr(value, "__slots__", ())}


for _layer, (_module, _path) in LAYERS.items():
    _owner: Any = import_module(_module)
    *_outer, _name = _path.split(".")
    for _part in _outer:
        _owner = getattr(_owner, _part)
    setattr(_owner, _name, failing(_layer, getattr(_owner, _name)))
