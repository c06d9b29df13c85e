from base64 import b64decode
from datetime import UTC, datetime

import pytest
from standardwebhooks.webhooks import Webhook as Verifier
from standardwebhooks.webhooks import WebhookVerificationError

from service.documents.webhook import webhook_of
from service.domain.webhook import Verb
from service.pipeline.request.sign import public_key, signature, signatures, signed_bytes
from tests.builders import ACCOUNT, make_delivery, make_webhook
from tests.dialects import content_of, request_of

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
    signed = signed_bytes(MESSAGE_ID, TIMESTAMP, body)
    assert signature(b64decode(key), signed) == expected


SIGNING_KEY = (
    "6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
)
"""A private key of Standard Webhooks' own examples: 32 bytes of seed, 32 of public key."""


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            b'{"test": 2432232314}',
            "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM"
            "+m7TBAg==",
        ),
        (
            bytes.fromhex("7b226e223a22c5bd6f66696520f09f939e227d"),
            "v1a,YVYPRitGhX0qiuvd3eN6xVdpBoIcChaSZZ7g2vKCA+RT7b1+YdNCcvRQPs5hpYoBXMPO1Nq6Fv+O+HVU0p"
            "3AAA==",
        ),
    ],
)
def test_asymmetric_signatures_are_those_of_standard_webhooks(body: bytes, expected: str) -> None:
    webhook = make_webhook(signing_seed=b64decode(SIGNING_KEY)[:32])
    assert signatures(webhook, MESSAGE_ID, TIMESTAMP, body, 0.0) == expected
    assert public_key(b64decode(SIGNING_KEY)[:32]) == (
        "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="
    )


def test_the_secret_before_a_rotation_signs_until_its_time_is_up() -> None:
    webhook = make_webhook(secret=b64decode(OTHER_KEY), previous_secrets=((b64decode(KEY), 100.0),))
    body = b'{"test": 2432232314}'
    new = "v1,O4Gjv1HqPqsMrjmczoggs/sWA8gZD0VyHG+fLh4+ktI="
    old = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert signatures(webhook, MESSAGE_ID, TIMESTAMP, body, 99.9) == f"{new} {old}"
    assert signatures(webhook, MESSAGE_ID, TIMESTAMP, body, 100.0) == new


def test_every_earlier_secret_signs_until_its_own_time_is_up() -> None:
    keys = [bytes([number]) * 24 for number in range(3)]
    earlier = ((keys[1], 100.0), (keys[0], 200.0))
    webhook = make_webhook(secret=keys[2], previous_secrets=earlier)
    signed = signed_bytes(MESSAGE_ID, TIMESTAMP, b"{}")
    new, second, first = (signature(key, signed) for key in reversed(keys))

    def at(now: float) -> list[str]:
        return (signatures(webhook, MESSAGE_ID, TIMESTAMP, b"{}", now) or "").split()

    assert at(99.9) == [new, second, first]
    assert at(100.0) == [new, first]
    assert at(200.0) == [new]


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
    assert signature(key, signed_bytes(MESSAGE_ID, TIMESTAMP, b"body")) == theirs


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
    encoder = content_of({"name": "Žofie 📞", "vars": {"a": [1, "b c"]}}, None)
    made = request_of(make_delivery(), webhook, encoder, 1, datetime.now(UTC).timestamp())
    text = made.query if made.body is None else made.body.decode()
    return dict(made.headers), text
