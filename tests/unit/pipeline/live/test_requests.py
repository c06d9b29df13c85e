"""The requests of a stream of events: those that a stored webhook of the account would get."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

import orjson
import pytest
from standardwebhooks import Webhook

from service.dialects.bus_message import Occasion
from service.dialects.known import dialects_of
from service.domain.webhook import Format, Verb, account_of
from service.pipeline.dry_run.matching import as_message
from service.pipeline.live.feed import LiveFeed
from service.pipeline.live.keys import events_below, events_of
from service.pipeline.live.requests import LiveRequests, Wish
from service.settings.model import Settings

DIALECTS = dialects_of(Settings.model_validate({"amqp": {"sources": ["kazoo", "voipbin"]}}))
ACCOUNT = "4fe69c5b61015084f1fe5684abc6e502"


def message_of(hook_id: str, account_id: str = ACCOUNT, **fields: Any) -> Mapping[str, Any]:
    """Return what a worker is told of a sample of the hook; every account is below `root`."""
    hook = DIALECTS.hooks[hook_id]
    dialect = DIALECTS.of(hook.source)
    sample = hook.sample(Occasion.now(account_id, "c-1"))
    bus = as_message(hook.source, sample.exchange, sample.routing_key, {**sample.body, **fields})
    event = next(one for one in dialect.decoder.decode(bus) if one.hook == hook_id)
    account, sent = account_of(str(event.account_id), tree=("root",)), list[bytes]()
    feed = LiveFeed(lambda _, body: sent.append(body))
    feed.learn("q", [events_of(account.account_id), events_below("root")])
    payload = dialect.requests.payload(event, account)
    feed.happened(event, account, lambda: payload, 1.0, f"00-{'1' * 32}-{'2' * 16}-00")
    found: Mapping[str, Any] = orjson.loads(sent[0])
    return found


def requests_for(*hooks: str, account_id: str = ACCOUNT, **wish: Any) -> LiveRequests:
    return LiveRequests(Wish(account_id, hooks, **wish), DIALECTS)


def test_a_request_is_signed_with_the_secret_of_its_stream() -> None:
    requests = requests_for("all")
    found = requests.request_in(message_of("channel_create"))
    assert found is not None
    event, request = found
    assert (event.hook, event.call_id, request.verb) == ("channel_create", "c-1", "POST")
    assert request.body is not None
    assert Webhook(requests.secret).verify(request.body, request.headers)["call_id"] == "c-1"
    assert requests.secret not in repr(requests)
    assert requests.secret != requests_for("all").secret


def test_the_id_is_the_same_for_a_redelivered_event_of_one_stream() -> None:
    requests, message = requests_for("all"), message_of("channel_create")
    ids = [requests.request_in(message) for _ in range(2)]
    assert len({found[1].headers["webhook-id"] for found in ids if found}) == 1


@pytest.mark.parametrize(
    ("hooks", "wanted"), [(("channel_create",), True), (("sms", "all"), True), (("sms",), False)]
)
def test_only_requested_hooks_are_streamed(hooks: tuple[str, ...], wanted: bool) -> None:
    assert (requests_for(*hooks).request_in(message_of("channel_create")) is not None) == wanted


def test_events_of_accounts_below_come_only_where_they_are_asked_for() -> None:
    message = message_of("channel_create")
    assert requests_for("all", account_id="root").request_in(message) is None
    wide = requests_for("all", account_id="root", include_subaccounts=True)
    found = wide.request_in(message)
    assert found is not None
    assert found[0].account_id == ACCOUNT
    assert found[1].headers["X-Account-ID"] == "root"


def test_a_get_has_the_payload_in_its_query_and_a_form_in_its_body() -> None:
    message = message_of("channel_create")
    get = requests_for("all", verb=Verb.GET).request_in(message)
    form = requests_for("all", format=Format.FORM_DATA).request_in(message)
    assert get is not None
    assert form is not None
    assert get[1].body is None
    assert parse_qs(get[1].query)["call_id"] == ["c-1"]
    assert parse_qs((form[1].body or b"").decode())["call_id"] == ["c-1"]


def test_numbers_keep_the_text_that_the_switch_gave_them() -> None:
    text = b'{"cost": 1.10, "large": 123456789012345678901234567890}'
    message = {**message_of("channel_create"), "payload": text.decode()}
    form = requests_for("all", format=Format.FORM_DATA).request_in(message)
    assert form is not None
    assert form[1].body == b"cost=1.10&large=123456789012345678901234567890"


def test_an_event_of_voipbin_has_its_body_and_its_signature() -> None:
    message = message_of("call_created")
    requests = requests_for("call_created", account_id=message["event"]["account_id"])
    found = requests.request_in(message)
    assert found is not None
    _, request = found
    own = DIALECTS.by_name["voipbin"].requests
    [webhook] = requests.listening.webhooks
    signatures = own.signatures(webhook, request.body or b"")
    assert signatures
    assert signatures.items() <= request.headers.items()
    assert orjson.loads(request.body or b"")["type"] == "call_created"
