"""Bind credentials to the server they were given for: a move to another requires them anew."""

from typing import Any

from service.documents.webhook_form import HIDDEN, Document
from service.domain.endpoint import Endpoint, endpoint_of

Problems = dict[str, dict[str, dict[str, Any]]]


def check_moves(members: Document, stored: Document) -> Problems:
    """Return the secrets that must be given anew, as the webhook moves to another server.

    `members` are as the client sent them. A server is scheme, host and port. Without this rule, a
    client with write access could read hidden values by having them sent to a server of its own.
    """
    moved = [name for name in ("uri", "fallback_uri") if _moves(name, members, stored)]
    problems: Problems = {}
    for member in ("headers", "auth"):
        causes = list(moved)
        if member == "auth" and _token_moves(members, stored):
            causes.append("token_url")
        if causes and stored.get(member) and not _given_anew(member, members):
            text = f"{causes[0]} moves to another server: {member} must be given anew, or be null"
            problems[member] = {"required": {"message": text, "cause": causes[0]}}
    return problems


def _moves(name: str, members: Document, stored: Document) -> bool:
    """Return whether a URI leads to a server that the webhook did not use before."""
    if members.get(name) is None:
        return False
    known = {_server(stored.get(name)), _server(stored.get("uri"))} - {None}
    return _server(members[name]) not in known


def _token_moves(members: Document, stored: Document) -> bool:
    given, known = members.get("auth"), stored.get("auth")
    if not isinstance(given, dict) or not isinstance(known, dict):
        return False
    token_url = given.get("token_url")
    server = _server(known.get("token_url"))
    return token_url is not None and (server is None or _server(token_url) != server)


def _server(uri: Any) -> Endpoint | None:
    try:
        return endpoint_of(uri) if isinstance(uri, str) else None
    except ValueError:
        return None


def _given_anew(member: str, members: Document) -> bool:
    """Return whether the client gave a member in full, or removes it."""
    if member not in members or members[member] == HIDDEN:
        return False
    value = members[member]
    return not isinstance(value, dict) or HIDDEN not in value.values()
