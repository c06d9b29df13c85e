"""The frames of a publish, read back by the codec that the rest of the driver uses."""

from types import SimpleNamespace
from typing import Any, cast

import pamqp.frame
import pytest
from aiormq.abc import AbstractChannel
from pamqp.body import ContentBody
from pamqp.commands import Basic
from pamqp.header import ContentHeader

from service.adapters.rabbitmq.publishing.frames import Headers, Outgoing, PublishFrames

HEADERS: Headers = {"x-switchhook-delivery": "d" * 32, "x-switchhook-deliveries": 3}


def frames_of(longest: int = 1000) -> PublishFrames:
    channel = SimpleNamespace(number=5, max_content_size=longest)
    return PublishFrames(cast("AbstractChannel", channel), "switchhook")


def read(data: bytes) -> list[Any]:
    """Return the frames, which must all be the channel's own."""
    found: list[Any] = []
    while data:
        length, channel, frame = pamqp.frame.unmarshal(data)
        assert channel == 5
        found.append(frame)
        data = data[length:]
    return found


def test_a_publish_is_mandatory_persistent_and_has_an_id_of_its_own() -> None:
    frames, message = frames_of(), Outgoing(b"{}", HEADERS)
    ids = []
    for tag in (1, 2):
        method, header, body = read(b"".join(frames.encode(message, "switchhook.dead", tag)))
        assert isinstance(method, Basic.Publish)
        assert (method.exchange, method.routing_key) == ("switchhook", "switchhook.dead")
        assert (method.mandatory, method.immediate) == (True, False)
        assert isinstance(header, ContentHeader)
        assert header.body_size == 2
        assert header.properties.headers == HEADERS
        assert header.properties.content_type == "application/json"
        assert header.properties.delivery_mode == 2
        assert body.value == b"{}"
        assert frames.tag_of(header.properties.message_id) == tag
        ids.append(header.properties.message_id)
    assert ids[0] != ids[1]


@pytest.mark.parametrize("longest", range(1, 13))
def test_a_body_is_cut_into_frames_of_at_most_the_size_agreed_on(longest: int) -> None:
    body = b"0123456789"
    _, header, *parts = read(b"".join(frames_of(longest).encode(Outgoing(body, {}), "q", 1)))
    assert header.body_size == len(body)
    assert all(isinstance(part, ContentBody) and len(part.value) <= longest for part in parts)
    assert b"".join(part.value for part in parts) == body
    assert len(parts) == -(-len(body) // longest)


def test_an_empty_body_has_no_frame() -> None:
    _, header = read(b"".join(frames_of().encode(Outgoing(b"", {}), "q", 1)))
    assert header.body_size == 0


@pytest.mark.parametrize("value", ["", "é" * 300, 0, -1, 1 << 40, -(1 << 62)])
def test_headers_hold_any_text_and_any_number(value: str | int) -> None:
    _, header, _ = read(b"".join(frames_of().encode(Outgoing(b"{}", {"h": value}), "q", 1)))
    assert header.properties.headers == {"h": value}


@pytest.mark.parametrize("message_id", [None, "", "0" * 32, "not one of ours"])
def test_the_id_of_another_channels_publish_is_nobodys(message_id: str | None) -> None:
    assert frames_of().tag_of(message_id) is None


def test_an_id_that_only_begins_like_ours_is_nobodys() -> None:
    frames = frames_of()
    _, header, _ = read(b"".join(frames.encode(Outgoing(b"{}", {}), "q", 1)))
    assert frames.tag_of(header.properties.message_id[:16] + "no number") is None


def test_frames_that_the_codec_reads_otherwise_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert frames_of().are_right()
    frames = frames_of()
    monkeypatch.setattr(frames, "_exchange", "another")
    frames.encode(Outgoing(b"", {}), "queue", 1)
    monkeypatch.setattr(frames, "_exchange", "switchhook")
    assert not frames.are_right()
