from ipaddress import ip_network

import pytest

from service.adapters.http.shadow_sender import ShadowSender
from service.domain.delivery import Outcome
from service.domain.policy import EgressPolicy
from tests.builders import make_request


@pytest.mark.parametrize(
    ("uri", "detail"),
    [
        ("https://hooks.example.net/kazoo", None),
        ("http://10.0.0.5/", "would be: egress refused by rule not_public"),
        ("http://127.0.0.1/", None),
        ("ftp://hooks.example.net/", "would be an invalid request: "),
    ],
)
async def test_nothing_is_sent_and_what_can_be_foreseen_is_said(
    uri: str, detail: str | None
) -> None:
    sender = ShadowSender(EgressPolicy(allow=(ip_network("127.0.0.0/8"),)))
    response = await sender.send(make_request(uri=uri))
    assert (response.outcome, response.status) == (Outcome.SHADOWED, None)
    assert not response.outcome.succeeded
    assert not response.endpoint_failed
    assert (response.detail or "").startswith(detail or "")
    assert (response.detail is None) is (detail is None)
    await sender.close()
