"""The shared cases of `vectors/egress.json`, read."""

import json
import re
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from service.domain.policy import EgressPolicy

VECTORS = Path(__file__).parent / "vectors" / "egress.json"
SELF = "self-01"
"""It names no address; see `test_the_service_does_not_call_itself`."""


@dataclass(frozen=True)
class Case:
    """One URI, and what must become of it.

    `shared` is the first that must refuse: parse (nothing is looked up), resolve (nothing is
    dialled), connect (good when the webhook is made, bad when it is called), response (what is
    answered leads nowhere).
    """

    case_id: str
    uri: str
    allowed: bool
    shared: str
    category: str
    resolve: list[list[str]]
    document: dict[str, Any]

    @property
    def policy(self) -> EgressPolicy:
        return EgressPolicy(allow=tuple(map(ip_network, self.document.get("allow_cidrs", ()))))

    @property
    def answers(self) -> dict[str, list[list[str]]]:
        """What the name server says to the name of the URI, in the spelling that is asked for."""
        host = urlsplit(self.uri).hostname if self.resolve else None
        return {} if host is None else {_ascii(host).removesuffix("."): self.resolve}

    def at_port(self, port: int) -> str:
        """Return the URI with a port put behind its host."""
        return re.sub(r"^([a-z]+://[^/?#]*)", rf"\g<1>:{port}", self.uri)


def _ascii(host: str) -> str:
    # The standard library's mapping is an older one, which turns ß into ss.
    return "xn--fa-hia.de" if host == "faß.de" else host


def _case(document: dict[str, Any]) -> Case:
    return Case(
        document["id"],
        document["input"],
        document["expect"] == "allow",
        document["stage"],
        document["category"],
        document.get("resolve", []),
        document,
    )


CASES = [_case(document) for document in json.loads(VECTORS.read_text("utf-8"))["cases"]]
