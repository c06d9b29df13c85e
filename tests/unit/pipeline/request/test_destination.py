"""What a delivery is sent to, for every way it can be meant."""

import pytest

from service.domain.endpoint import Endpoint
from service.domain.webhook import OAuthClient
from service.pipeline.request.destination import destination_of
from tests.builders import make_delivery, make_webhook

OAUTH = OAuthClient("https://login.example/token", "me", "hush")
OWN = "https://hooks.example.net/a"
SECRET_HEADERS = {"Authorization": "Bearer hush", "X-Key": "hush"}


@pytest.mark.parametrize("replay_id", [None, "replay-1"])
@pytest.mark.parametrize(
    ("fallback_uri", "fallback_for", "uri", "credentials"),
    [
        (None, None, OWN, True),
        ("https://other.example/", None, OWN, True),
        ("https://other.example/", "timed_out", "https://other.example/", False),
        ("http://hooks.example.net/a", "timed_out", "http://hooks.example.net/a", False),
        (
            "https://hooks.example.net:8443/a",
            "timed_out",
            "https://hooks.example.net:8443/a",
            False,
        ),
        ("https://hooks.example.net/b", "timed_out", "https://hooks.example.net/b", True),
        (None, "timed_out", OWN, True),
    ],
)
def test_credentials_go_to_the_server_they_are_for_and_no_other(
    replay_id: str | None,
    fallback_uri: str | None,
    fallback_for: str | None,
    uri: str,
    credentials: bool,
) -> None:
    webhook = make_webhook(uri=OWN, headers=SECRET_HEADERS, fallback_uri=fallback_uri, oauth=OAUTH)
    delivery = make_delivery(fallback_for=fallback_for, replay_id=replay_id)
    found = destination_of(delivery, webhook)
    assert found.uri == uri
    assert found.headers == (SECRET_HEADERS if credentials else {})
    assert found.is_fallback is (fallback_for is not None)
    assert found.oauth is (None if fallback_for else OAUTH)


def test_the_endpoint_is_that_of_the_address() -> None:
    found = destination_of(make_delivery(), make_webhook(uri="https://Hooks.example.net:444/a?b"))
    assert found.endpoint == Endpoint("https", "hooks.example.net", 444)
    assert found.problem is None


@pytest.mark.parametrize("uri", ["ftp://x.example/", "https://me:pw@x.example/", "nonsense"])
def test_an_address_that_cannot_be_requested_says_why_and_gets_nothing(uri: str) -> None:
    webhook = make_webhook(uri=uri, headers=SECRET_HEADERS, oauth=OAUTH)
    found = destination_of(make_delivery(), webhook)
    assert found.endpoint is None
    assert found.problem
    assert (found.headers, found.oauth) == ({}, None)
