from base64 import b64decode
from datetime import UTC, datetime

import pytest
from standardwebhooks.webhooks import Webhook as Verifier
from standardwebhooks.webhooks import WebhookVerificationError

from service.domain.webhook import Verb
from service.domain.webhook_document import webhook_of
from service.pipeline.build import Encoder, request_for
from service.pipeline.sign import signature
from tests.builders import ACCOUNT, make_delivery

KEY = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER_KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
MESSAGE_ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
TIMESTAMP = "1614265330"


@pytest.mark.parametrize(
    ("key", "body", "expected"),
    [
        (KEY, b'{"test": 2432232314}', "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
        (KEY, b"", "v1,v48jdbgvh29KJz2Qc+ghw8G6vG3nAKnujWBg8oM/62A="),
        (
            KEY,
            bytes.fromhex("7b226e223a22c5bd6f66696520f09f939e227d"),
            "v1,lIzKYrSDCoaP2GAhU2Pk7wlRm/odNQWHphpksz/vq7Y=",
        ),
        (KEY, bytes.fromhex("00fffe"), "v1,ZxcSxyXqw3j8w3DRc04MpX2YDEYSvtILplNchVqAf+A="),
        (OTHER_KEY, b'{"test": 2432232314}', "v1,O4Gjv1HqPqsMrjmczoggs/sWA8gZD0VyHG+fLh4+ktI="),
    ],
)
def test_signatures_are_those_of_standard_webhooks(key: str, body: bytes, expected: str) -> None:
    assert signature(b64decode(key), MESSAGE_ID, TIMESTAMP, body) == expected


@pytest.mark.parametrize("verb", Verb)
def test_a_receiver_with_the_usual_library_finds_a_request_genuine(verb: Verb) -> None:
    headers, body = signed_request(verb)
    Verifier(f"whsec_{KEY}").verify(body, headers, json_parse=False)


@pytest.mark.parametrize("changed", ["webhook-id", "webhook-timestamp", "body", "key"])
def test_a_receiver_notices_any_change(changed: str) -> None:
    headers, body = signed_request(Verb.POST)
    if changed == "webhook-id":
        headers[changed] = "0" * 32
    if changed == "webhook-timestamp":
        headers[changed] = str(int(headers[changed]) + 1)
    if changed == "body":
        body = body.replace("Žofie", "Zofie")
    key = OTHER_KEY if changed == "key" else KEY
    with pytest.raises(WebhookVerificationError):
        Verifier(f"whsec_{key}").verify(body, headers, json_parse=False)


@pytest.mark.parametrize("length", [24, 32, 64])
def test_a_secret_of_any_length_signs_as_the_usual_library_does(length: int) -> None:
    key = bytes(range(length))
    theirs = Verifier(key).sign(MESSAGE_ID, datetime.fromtimestamp(int(TIMESTAMP), UTC), "body")
    assert signature(key, MESSAGE_ID, TIMESTAMP, b"body") == theirs


def signed_request(verb: Verb) -> tuple[dict[str, str], str]:
    """Return the headers and the signed text of a request made just now."""
    webhook = webhook_of(
        {
            "_id": "1",
            "account_id": ACCOUNT,
            "hook": "channel_create",
            "uri": "https://h.example/",
            "http_verb": verb.value,
            "format": "json",
            "secret": f"whsec_{KEY}",
        }
    )
    encoder = Encoder({"name": "Žofie 📞", "vars": {"a": [1, "b c"]}}, None)
    made = request_for(make_delivery(), webhook, encoder, 1, datetime.now(UTC).timestamp())
    text = made.query if made.body is None else made.body.decode()
    return dict(made.headers), text
