"""An account's credentials reach the webhook's own endpoint, and no other one."""

from itertools import product
from typing import NamedTuple

import orjson
import pytest

from service.domain.delivery import Delivery, Outcome, Request, Response
from service.domain.webhook import OAuthClient, Webhook
from tests.builders import NOW, make_delivery, make_webhook
from tests.dialects import content_of, request_of
from tests.fakes import FakeSender
from tests.unit.pipeline.parts import Parts

OWN = "https://hooks.example.net/kazoo"
CLIENT = OAuthClient("https://login.example/token", "me", "hush hush")
HEADERS = {"Authorization": "Basic aHVzaA==", "X-Api-Key": "hush"}
SAME_ENDPOINT = (
    "https://hooks.example.net/other?a=b",
    "https://hooks.example.net:443/kazoo",
    "HTTPS://HOOKS.example.net/kazoo",
)
OTHER_ENDPOINT = (
    "http://hooks.example.net/kazoo",
    "https://hooks.example.net:8443/kazoo",
    "https://other.example.net/kazoo",
    "https://example.net/kazoo",
    "https://hooks.example.net.evil.example/kazoo",
)


class Case(NamedTuple):
    """Which URI the webhook falls back to, whether it is asked now, and whether by a replay."""

    fallback_uri: str | None
    falls_back: bool
    replay: bool

    @property
    def webhook(self) -> Webhook:
        return make_webhook(uri=OWN, fallback_uri=self.fallback_uri, headers=HEADERS)

    @property
    def delivery(self) -> Delivery:
        return make_delivery(
            fallback_for="timed_out" if self.falls_back else None,
            replay_id="replay-1" if self.replay else None,
        )

    @property
    def asked(self) -> str:
        return self.fallback_uri if self.falls_back and self.fallback_uri else OWN

    @property
    def trusted(self) -> bool:
        return self.asked == OWN or self.asked in SAME_ENDPOINT


CASES = [Case(*case) for case in product(
    (None, OWN, *SAME_ENDPOINT, *OTHER_ENDPOINT), (False, True), (False, True)
)]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=str)
def test_headers_of_the_account_are_sent_to_the_webhooks_own_endpoint_alone(case: Case) -> None:
    made = request_of(case.delivery, case.webhook, content_of({}), 1, NOW)
    assert made.uri == case.asked
    credentials = {name: made.headers[name] for name in HEADERS if name in made.headers}
    assert credentials == (HEADERS if case.trusted else {})
    assert "hush" not in repr(made.headers) or case.trusted


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_request_says_whether_it_is_a_fallback_and_of_which_replay(case: Case) -> None:
    headers = request_of(case.delivery, case.webhook, content_of({}), 1, NOW).headers
    fallback_reason = headers.get("X-Switchhook-Fallback-Reason")
    assert fallback_reason == ("timed_out" if case.falls_back else None)
    assert headers.get("X-Switchhook-Replay") == ("replay-1" if case.replay else None)


# A fallback that was taken away meanwhile is not asked at all.
@pytest.mark.parametrize("case", [case for case in CASES if case.fallback_uri], ids=str)
async def test_an_access_token_is_fetched_for_the_webhooks_own_uri_alone(case: Case) -> None:
    token = orjson.dumps({"access_token": "token-1", "expires_in": 100})
    parts = Parts(sender=FakeSender([Response(Outcome.SUCCEEDED, 200, body=token)]))
    webhook = make_webhook(uri=OWN, fallback_uri=case.fallback_uri, oauth=CLIENT)
    parts.subscribe(webhook)

    await parts.deliver([(case.delivery, webhook)])

    asked = [request.uri for request in parts.sender.sent]
    assert asked == ([case.asked] if case.falls_back else [CLIENT.token_url, OWN])
    authorization = authorization_of(parts.sender.sent[-1])
    assert authorization == (None if case.falls_back else "Bearer token-1")


def authorization_of(request: Request) -> str | None:
    return request.headers.get("Authorization")
