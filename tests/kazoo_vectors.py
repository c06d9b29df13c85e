"""Messages, and the requests that Kazoo's own code made of them.

Each vector is given accounts and a webhook of its own, so that all of them can run against one
service at the same time.
"""

import gzip
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from service.dev.receiver import ReceivedRequest

Vector = Mapping[str, Any]

FILE = Path(__file__).parent / "vectors" / "kazoo.json"
ACCOUNTS = "0" * 28
WEBHOOK = "5f0c2a9be1d44c7f9a3be0d1c2b3a495"
URIS = ("https://hooks.example.net/kazoo", "https://cf.example.net/ivr")


FIRES_HERE = frozenset({"sub-unknown-account", "obj-cd-empty"})
"""Vectors in which Kazoo is silent and we are not; each says why in `switchhook`."""


def fires(vector: Vector) -> bool:
    """Return whether we make a request."""
    return vector["expect"] is not None or vector["id"] in FIRES_HERE


def read() -> list[Vector]:
    """Return all vectors as they stand in the file."""
    every: list[Vector] = json.loads(FILE.read_text("utf-8"))
    return every


def independent() -> list[Vector]:
    """Return all vectors, each with accounts and a webhook of its own."""
    return [_independent(vector, number) for number, vector in enumerate(read(), 1)]


def family(vector: Vector) -> str:
    """Return what the vector is about, by its id."""
    return str(vector["id"]).partition("-")[0]


def body(vector: Vector) -> bytes:
    """Return the body of the message, compressed where its properties say so."""
    plain = json.dumps(vector["amqp"]["body"]).encode()
    zipped = vector["amqp"]["properties"].get("content_encoding") == "gzip"
    return gzip.compress(plain) if zipped else plain


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
    # Kazoo has no such choice; what it sends is what it sends with secrets.
    found["SWITCHHOOK_KAZOO__FORWARD_SECRETS"] = "true"
    cluster_id = config.get("cluster/cluster_id")
    return found | ({"SWITCHHOOK_KAZOO__CLUSTER_ID": cluster_id} if cluster_id else {})


def accounts(vector: Vector) -> list[dict[str, Any]]:
    """Return the account documents."""
    return [{"_id": key, **rest} for key, rest in vector["account_tree"].items()]


def numbers(vector: Vector) -> list[dict[str, Any]]:
    """Return the documents of dialled numbers."""
    owned = vector.get("numbers") or {}
    return [{"_id": number, "account_id": owner} for number, owner in owned.items()]


def pointed_at(vector: Vector, base_url: str) -> Vector:
    """Return the vector with its webhook, stored or brought along, at a path named after it."""
    text = json.dumps(vector)
    for uri in URIS:
        text = text.replace(uri, f"{base_url}/{vector['id']}")
    pointed: Vector = json.loads(text)
    return pointed


def problems(vector: Vector, request: ReceivedRequest) -> list[str]:
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
        found += _form_problems(
            expected, request, kept_query=(vector["webhook"] or {}).get("uri", "")
        )
    elif (body := json.loads(request.body)) != expected["body"]:
        found.append(f"body {body}, not {expected['body']}")
    return found


def _form_problems(
    expected: Mapping[str, Any], request: ReceivedRequest, kept_query: str
) -> list[str]:
    pairs = parse_qsl(request.body.decode(), keep_blank_values=True, strict_parsing=True)
    kept = parse_qsl(kept_query.partition("?")[2]) if request.method == "GET" else []
    wanted = kept + [(key, value) for key, value in expected["form_pairs"]]
    return [] if pairs == wanted else [f"pairs {pairs}, not {wanted}"]
