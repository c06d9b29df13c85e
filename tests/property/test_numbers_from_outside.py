"""Every header and field that is read as a number or a date: none of them raises unforeseen."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from service.adapters.http.sender import retry_after_s
from service.adapters.http.tls import CertificateWatch
from service.adapters.otel import _remote
from service.adapters.rabbitmq.consuming.received import _count
from service.api.shapes.queries import time_of
from service.dialects.kazoo.crossbar.webhooks import _date
from service.dialects.kazoo.events.values import integer
from service.documents.webhook import BadDocument, webhook_of
from service.domain.delivery import Outcome, Request, Response
from service.domain.disable import policy_in
from service.domain.errors import Invalid, RejectedMessage
from service.domain.retry import Retry, RetryPolicy, next_step
from service.domain.trace import traceparent_in
from service.domain.webhook import OAuthClient
from service.management.keys import start_of
from service.pipeline.envelope import seal_letters, unseal_letters
from service.pipeline.request.access_tokens import AccessTokens
from service.text.json_text import read_json
from tests.builders import make_letter, make_request
from tests.e2e.harness import webhook_document

DIGITS = st.sampled_from([1, 2, 3, 4, 5, 9, 10, 19, 20, 400, 5000]).map(lambda many: "9" * many)
NUMBERS = st.one_of(
    DIGITS,
    st.integers().map(str),
    st.floats().map(str),
    st.sampled_from([
        "", " ", "0", "-0", "+1", "1e400", "-1e400", "1e-400", "nan", "inf", "-Infinity", "1_000",
        "0x10", "\u0661\u0662", "\uff11", "1.", ".5", "1,5", "1;2", "\x00", "\ud800", "True",
    ]),
)  # fmt: skip
PARTS = st.one_of(
    NUMBERS,
    st.text(max_size=4),
    st.sampled_from([
        "Wed,", "21", "Oct", "2015", "07:28:00", "GMT", "+0000", "-9999", "+999999999", "EST",
        "07:28", "99:99:99", "0", "-1", "Z", "UTC", "+", "-", ",", ":", "(", "Jan", "T", "24:00:00",
    ]),
)  # fmt: skip
DATES = st.one_of(
    st.lists(PARTS, max_size=8).map(" ".join),
    st.builds(
        "{} {} {} {}:{}:{} {}".format,
        st.sampled_from(["Wed, 21", "Sun, 0", "31", "99"]),
        st.sampled_from(["Feb", "Oct", "oct", "Foo"]),
        st.one_of(DIGITS, st.sampled_from(["0", "1", "-1", "69", "1969", "2015", "9999", "10000"])),
        *[st.one_of(st.sampled_from(["00", "23", "24", "60", "61", "-1"]), DIGITS)] * 3,
        st.one_of(
            st.sampled_from(["GMT", "EST", "-0000", "+2400", "-2400", "+9999", "Z", ""]),
            DIGITS.map("+{}".format),
            DIGITS.map("-{}".format),
        ),
    ),
)
TEXTS = st.one_of(NUMBERS, DATES, st.text())
VALUES = st.one_of(
    st.integers(), st.floats(), st.booleans(), st.none(), TEXTS, st.datetimes(), st.binary(),
    st.datetimes().map(lambda at: at.replace(tzinfo=UTC)), st.lists(st.integers(), max_size=2),
    st.sampled_from([
        10**400, -(10**400), 1 << 63, 1 << 64, float("inf"), float("nan"),
        datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC),
    ]),
)  # fmt: skip


@given(TEXTS)
def test_retry_after_is_seconds_or_nothing_and_a_tier_follows(said: str) -> None:
    seconds = retry_after_s(said)
    assert seconds is None or 0 <= seconds < float("inf")
    policy = RetryPolicy()
    response = Response(Outcome.THROTTLED, 429, retry_after_s=seconds)
    step = next_step(policy, 1, 2, response, max)
    assert isinstance(step, Retry)
    assert step.delay_ms in policy.tiers_ms


@given(st.one_of(NUMBERS, VALUES.map(repr), st.just('"soon"'), st.just("[]"), st.just("{}")))
def test_any_lifetime_of_a_token_is_taken(expires_in: str) -> None:
    class Endpoint:
        async def send(self, request: Request) -> Response:
            if request.uri != client.token_url:
                return Response(Outcome.SUCCEEDED, 200)
            body = b'{"access_token": "t", "expires_in": %s}' % expires_in.encode(
                "utf-8", "replace"
            )
            return Response(Outcome.SUCCEEDED, 200, body=body)

    client = OAuthClient("https://login.example/token", "me", "hush", "")
    response = asyncio.run(AccessTokens(Endpoint()).send(make_request(), client))
    assert response.outcome in (Outcome.SUCCEEDED, Outcome.AUTH_FAILED)


@given(TEXTS, TEXTS)
def test_any_dates_of_a_certificate_are_read_over(begins: str, ends: str) -> None:
    watch = CertificateWatch()
    for certificate in ({"notBefore": begins, "notAfter": ends}, {"notAfter": ends}, {}):
        watch.handshaken("hooks.example.net", certificate)
    assert len(watch.expiring()) in (0, 1)


@given(
    st.dictionaries(
        st.sampled_from([
            "retries", "timeout_s", "created_at", "modified_at", "previous_secret_until",
            "disabled_at", "version",
        ]),
        VALUES,
    ),
)  # fmt: skip
def test_a_webhook_document_with_any_numbers_is_read_or_bad(members: dict[str, Any]) -> None:
    with suppress(BadDocument):
        webhook = webhook_of(webhook_document("https://hooks.example.net/", **members))
        assert 0 <= webhook.retries <= 5
        assert webhook.timeout_s is None or 1 <= webhook.timeout_s <= 30


@given(st.dictionaries(st.sampled_from(["failure_count", "window_s"]), VALUES))
def test_any_policy_of_an_account_is_usable_or_none(given_policy: Mapping[str, Any]) -> None:
    policy = policy_in({"disable": given_policy})
    assert policy is None or policy.counted([0.0, 1e308], 1.0) in (0, 1, 2)


@given(VALUES)
def test_any_number_of_a_switch_is_an_integer_or_nothing(value: Any) -> None:
    integer({"a": value}, "a")
    _date(value)
    _count(value)
    parent = traceparent_in(value)
    assert parent is None or _remote(parent).get_span_context().is_valid


@given(NUMBERS)
def test_any_json_number_of_a_switch_is_read_or_no_json(text: str) -> None:
    with suppress(orjson.JSONDecodeError):
        integer(read_json(b'{"a": %s}' % text.encode("utf-8", "replace")), "a")


@given(VALUES)
def test_any_time_that_the_api_is_asked_for_is_one_or_invalid(value: Any) -> None:
    with suppress(Invalid):
        at = time_of(value, "created_from")
        assert at is None or at + timedelta(days=1)
    with suppress(Invalid):
        start_of(str(value))


@given(st.sampled_from(["received_at", "deferrals", "died_at"]), NUMBERS)
def test_a_sealed_delivery_with_any_number_is_read_or_rejected(name: str, text: str) -> None:
    body = orjson.dumps(orjson.loads(seal_letters([make_letter()])) | {name: "@"})
    with suppress(RejectedMessage):
        unseal_letters(body.replace(b'"@"', text.encode("utf-8", "replace")))
