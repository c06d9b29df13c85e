"""Messages, and the requests that Kazoo's own code made of them.

Each vector is given accounts and a webhook of its own, so that all of them can run against one
service at the same time.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from service.dev.receiver import Received

Vector = Mapping[str, Any]

FILE = Path(__file__).parent / "vectors" / "kazoo.json"
ACCOUNTS = "0" * 28
WEBHOOK = "5f0c2a9be1d44c7f9a3be0d1c2b3a495"
URI = "https://hooks.example.net/kazoo"


FIRES_HERE = frozenset({"sub-unknown-account", "obj-cd-empty"})
"""Vectors in which Kazoo is silent and we are not; each says why in `switchhook`."""


def fires(vector: Vector) -> bool:
    """Return whether we make a request."""
    return vector["expect"] is not None or vector["id"] in FIRES_HERE


def vectors(*prefixes: str) -> list[Vector]:
    """Return the vectors whose ids begin with one of the prefixes, made independent."""
    every = json.loads(FILE.read_text("utf-8"))
    return [
        _independent(vector, number)
        for number, vector in enumerate(every, 1)
        if vector["id"].startswith(prefixes)
    ]


def _independent(vector: Vector, number: int) -> Vector:
    mark = f"{number:04x}"
    text = json.dumps(vector)
    text = text.replace(ACCOUNTS, f"{mark}{ACCOUNTS[4:]}")
    text = text.replace("account%2F00%2F00%2F", f"account%2F{mark[:2]}%2F{mark[2:]}%2F")
    text = text.replace(WEBHOOK, f"{mark}{WEBHOOK[4:]}")
    adapted: Vector = json.loads(text)
    return adapted


def environment(vector: Vector) -> dict[str, str]:
    """Return the settings that the vector's configuration of Kazoo means."""
    config = vector["config"]
    found = {
        "SWITCHHOOK_KAZOO__RESERVED_CCV_KEYS": json.dumps(
            config.get("call_command/reserved_ccv_keys"),
        ),
    }
    cluster_id = config.get("cluster/cluster_id")
    return found | ({"SWITCHHOOK_KAZOO__CLUSTER_ID": cluster_id} if cluster_id else {})


def accounts(vector: Vector) -> list[dict[str, Any]]:
    """Return the account documents."""
    return [{"_id": key, **rest} for key, rest in vector["account_tree"].items()]


def numbers(vector: Vector) -> list[dict[str, Any]]:
    """Return the documents of dialled numbers."""
    owned = vector.get("numbers") or {}
    return [{"_id": number, "account_id": owner} for number, owner in owned.items()]


def webhook(vector: Vector, base_url: str) -> dict[str, Any]:
    """Return the webhook document, pointing at a path named after the vector."""
    document: dict[str, Any] = dict(vector["webhook"])
    document["uri"] = document["uri"].replace(URI, f"{base_url}/{vector['id']}")
    return document


def problems(vector: Vector, request: Received) -> list[str]:
    """Return in what the request differs from what it must be."""
    expected = vector["expect"]
    if expected is None:
        return []
    found = [
        f"header {name}: {request.headers.get(name)!r}, not {value!r}"
        for name, value in expected["headers"].items()
        if request.headers.get(name) != value
    ]
    found += [
        f"header {name} must not be there"
        for name in expected.get("headers_absent", ())
        if name in request.headers
    ]
    if request.method != expected["method"]:
        found.append(f"method {request.method}, not {expected['method']}")
    if "form" in expected:
        found += _form_problems(expected, request, kept_query=vector["webhook"]["uri"])
    elif (body := json.loads(request.body)) != expected["body"]:
        found.append(f"body {body}, not {expected['body']}")
    return found


def _form_problems(expected: Mapping[str, Any], request: Received, kept_query: str) -> list[str]:
    pairs = parse_qsl(request.body.decode(), keep_blank_values=True, strict_parsing=True)
    kept = parse_qsl(kept_query.partition("?")[2]) if request.method == "GET" else []
    wanted = kept + [(key, value) for key, value in expected["form_pairs"]]
    return [] if pairs == wanted else [f"pairs {pairs}, not {wanted}"]
