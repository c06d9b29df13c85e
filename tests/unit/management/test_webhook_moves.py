from typing import Any

import pytest

from service.management.webhook_moves import check_moves

STORED = {
    "name": "crm",
    "uri": "https://hooks.example.net/",
    "hook": "channel_create",
    "fallback_uri": "https://fallback.example.net/",
    "headers": {"X-Key": "key-1"},
    "auth": {
        "type": "oauth2",
        "token_url": "https://tokens.example.net/",
        "client_id": "me",
        "client_secret": "hush",
    },
}
BASIC = {"type": "basic", "username": "u", "password": "p"}
OAUTH = {"type": "oauth2", "client_id": "me"}
ELSEWHERE = "https://elsewhere.example.net/"


def moved(members: dict[str, Any], **stored: Any) -> set[str]:
    problems = check_moves(members, {**STORED, **stored})
    assert all("anew" in codes["required"]["message"] for codes in problems.values())
    return set(problems)


@pytest.mark.parametrize("member", ["uri", "fallback_uri"])
@pytest.mark.parametrize(
    "uri",
    [
        ELSEWHERE,
        "http://hooks.example.net/",
        "https://hooks.example.net:8443/",
        "http://fallback.example.net/",
        "https://fallback.example.net:8443/",
    ],
)
def test_who_moves_a_uri_to_another_server_must_give_what_is_secret_anew(
    member: str, uri: str
) -> None:
    assert moved({member: uri}) == {"headers", "auth"}
    assert moved({member: uri}, headers=None) == {"auth"}
    assert moved({member: uri}, headers=None, auth=None) == set()
    assert moved({member: uri, "headers": "(hidden)", "auth": "(hidden)"}) == {"headers", "auth"}
    hidden = {"headers": {"X-Key": "(hidden)"}, "auth": {**BASIC, "password": "(hidden)"}}
    assert moved({member: uri, **hidden}) == {"headers", "auth"}
    assert moved({member: uri, "headers": {"X-Key": "key-2"}, "auth": BASIC}) == set()
    assert moved({member: uri, "headers": None, "auth": None}) == set()


def test_who_moves_the_token_url_must_give_the_clients_secret_anew() -> None:
    kept = {**OAUTH, "client_secret": "(hidden)"}
    assert moved({"auth": {**kept, "token_url": ELSEWHERE}}) == {"auth"}
    assert moved({"auth": {**kept, "token_url": "https://tokens.example.net:81/"}}) == {"auth"}
    assert moved({"auth": {**kept, "token_url": "https://tokens.example.net/v2"}}) == set()
    anew = {**OAUTH, "client_secret": "new", "token_url": ELSEWHERE}
    assert moved({"auth": anew}) == set()


def test_a_webhook_that_stays_on_its_server_keeps_what_is_secret() -> None:
    assert moved({"uri": "https://HOOKS.example.net:443/other?x=1"}) == set()
    assert moved({"uri": "https://hooks.example.net/", "name": "new"}) == set()
    assert moved({"fallback_uri": "https://fallback.example.net/other"}) == set()
    assert moved({"fallback_uri": "https://hooks.example.net/fallback"}) == set()
    assert moved({"fallback_uri": None}) == set()
    assert moved({"name": "new"}) == set()


def test_a_uri_that_could_never_be_requested_is_another_server_than_any() -> None:
    assert moved({"uri": "https://hooks.example.net/"}, uri="not a uri") == {"headers", "auth"}
    assert moved({"uri": "not a uri"}) == {"headers", "auth"}
    assert moved({"fallback_uri": ELSEWHERE}, fallback_uri=None) == {"headers", "auth"}
