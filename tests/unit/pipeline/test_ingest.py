import pytest

from service.domain.errors import RejectedMessage, StoreUnavailable
from service.domain.event import event_id_of
from tests.builders import ACCOUNT, channel_body
from tests.fakes import incoming
from tests.unit.pipeline.parts import Parts

NO_ACCOUNT = {"Custom-Channel-Vars": {}, "Request": "+15552345678@acme"}


async def test_an_event_that_names_its_account_needs_no_look_up() -> None:
    parts = Parts()
    [event] = await parts.ingest.events(incoming(channel_body()))
    assert event.account_id == ACCOUNT
    assert parts.store.asked == []


async def test_the_owner_of_the_dialled_number_is_the_account() -> None:
    parts = Parts()
    parts.store.numbers["+15552345678"] = ACCOUNT
    message = incoming(channel_body(**NO_ACCOUNT))
    [event] = await parts.ingest.events(message)
    assert event.account_id == ACCOUNT
    assert event.event_id == event_id_of("kazoo", message.body)
    assert parts.store.asked == ["+15552345678"]


async def test_a_number_that_nobody_owns_leaves_the_event_without_an_account() -> None:
    [event] = await Parts().ingest.events(incoming(channel_body(**NO_ACCOUNT)))
    assert event.account_id is None


async def test_a_message_from_an_unknown_exchange_is_of_the_default_source() -> None:
    message = incoming(channel_body())
    message.exchange = ""
    [event] = await Parts().ingest.events(message)
    assert event.source == "kazoo"


async def test_a_packed_message_is_unpacked() -> None:
    message = incoming(b"not gzip")
    message.content_encoding = "gzip"
    with pytest.raises(RejectedMessage, match="bad_encoding: not gzip"):
        await Parts().ingest.events(message)


async def test_a_store_that_is_away_is_said_to_be_away() -> None:
    parts = Parts()
    parts.store.failures = 1
    with pytest.raises(StoreUnavailable):
        await parts.ingest.events(incoming(channel_body(**NO_ACCOUNT)))
