"""VoIPBIN's actions: each type, folding, and what is left out."""

from typing import Any

import orjson
import pytest

from service.answers import document as d
from service.answers.forms import FORMS
from service.answers.values import RejectReason

VOIPBIN = FORMS["voipbin"]


def of_actions(*actions: tuple[str, dict[str, Any]]) -> tuple[d.Step, ...]:
    """Return the steps of actions, which must survive being written."""
    content = orjson.dumps([{"type": kind, "option": option} for kind, option in actions])
    document = VOIPBIN.parse(content)
    assert VOIPBIN.parse(VOIPBIN.write(document).content) == document
    return document.steps


def actions_of(*steps: d.Step) -> tuple[list[tuple[str, Any]], tuple[str, ...]]:
    """Return type and option of the actions of steps, and what was left out."""
    written = VOIPBIN.write(d.Document(steps))
    actions = [(one["type"], one["option"]) for one in orjson.loads(written.content)]
    return actions, written.dropped


@pytest.mark.parametrize(
    ("kind", "option", "step"),
    [
        ("answer", {}, d.Answer()),
        ("talk", {"text": "a", "language": "en-US", "voice_id": "v"},
         d.Say("a", "en-US", extras=(d.Extra("voipbin", "voice_id", '"v"'),))),
        ("talk", {"text": "a", "language": "de-DE", "async": True},
         d.Say("a", "de-DE", extras=(d.Extra("voipbin", "async", "true"),))),
        ("play", {"stream_urls": ["https://a.example.com/"]}, d.Play("https://a.example.com/")),
        ("sleep", {"duration": 1500}, d.Pause(1500)),
        ("digits_receive", {"duration": 5000, "key": "#", "length": 4},
         d.Gather(num_digits=4, extras=(d.Extra("voipbin", "digits_kept", "true"),))),
        ("connect", {"destinations": [{"type": "tel", "target": "+1"}],
                     "source": {"type": "tel", "target": "+2"}},
         d.Dial((d.Number("+1"),), caller_id="+2")),
        ("fetch", {"event_url": "https://a.example.com/", "event_method": "POST"},
         d.Redirect("https://a.example.com/")),
        ("hangup", {}, d.Hangup()),
        ("hangup", {"reason": "busy"}, d.Reject(RejectReason.BUSY)),
        ("hangup", {"reason": "amd"}, d.Hangup(extras=(d.Extra("voipbin", "reason", '"amd"'),))),
        ("variable_set", {"key": "a", "value": "b"}, d.Set("a", "b")),
    ],
)  # fmt: skip
def test_an_action_of_voipbin_is_a_step(kind: str, option: dict[str, Any], step: d.Step) -> None:
    assert of_actions((kind, option)) == (step,)


@pytest.mark.parametrize(
    ("kind", "option"),
    [
        ("queue_join", {"queue_id": "q"}),
        ("connect", {"destinations": [{"type": "agent", "target": "x"}]}),
        ("connect", {"destinations": [{"type": "tel", "target": "1", "name": "n"}]}),
        ("recording_start", {"format": "mp3"}),
        ("recording_stop", {}),
    ],
)
def test_an_action_without_a_step_is_kept_as_it_is(kind: str, option: dict[str, Any]) -> None:
    (step,) = of_actions((kind, option))
    assert isinstance(step, d.Native)
    assert orjson.loads(step.data) == {"type": kind, "option": option}


def test_actions_with_jumps_are_kept_as_they_are() -> None:
    actions = [
        {"id": "a0000000-0000-4000-8000-000000000001", "type": "talk", "option": {"text": "a"}},
        {"id": "a0000000-0000-4000-8000-000000000002", "type": "goto",
         "option": {"target_id": "a0000000-0000-4000-8000-000000000001", "loop_count": 2}},
    ]  # fmt: skip
    document = VOIPBIN.parse(orjson.dumps(actions))
    assert all(isinstance(step, d.Native) for step in document.steps)
    assert orjson.loads(VOIPBIN.write(document).content) == actions


def test_every_written_action_has_an_id_that_follows_from_the_content() -> None:
    def ids(*steps: d.Step) -> list[str]:
        return [one["id"] for one in orjson.loads(VOIPBIN.write(d.Document(steps)).content)]

    first = ids(d.Say("a"), d.Say("a"))
    assert len(set(first)) == 2
    assert first == ids(d.Say("a"), d.Say("a"))
    assert not set(first) & set(ids(d.Say("b"), d.Say("a")))


def test_an_input_of_voipbin_forgets_earlier_digits_and_sends_its_own() -> None:
    actions, dropped = actions_of(d.Gather("https://a.example.com/?x=1", prompts=(d.Say("a"),)))
    assert actions == [
        ("variable_set", {"key": "voipbin.call.digits", "value": ""}),
        ("talk", {"digits_handle": "next", "text": "a", "language": "en-US"}),
        ("digits_receive", {"duration": 5000, "key": "#"}),
        ("fetch", {"event_url": "https://a.example.com/?x=1&Digits=${voipbin.call.digits}",
                   "event_method": "POST"}),
    ]  # fmt: skip
    assert dropped == ()


def test_prompts_of_voipbin_begin_with_the_first_talk_that_a_key_ends() -> None:
    talk = ("talk", {"text": "press", "language": "en-US", "digits_handle": "next"})
    welcome = ("talk", {"text": "welcome", "language": "en-US"})
    say, gather = of_actions(welcome, talk, ("digits_receive", {"duration": 1000}))
    assert say == d.Say("welcome", "en-US")
    assert isinstance(gather, d.Gather)
    assert gather.prompts == (d.Say("press", "en-US"),)


def test_a_recording_of_voipbin_is_followed_by_an_input_that_waits() -> None:
    step = d.Record("https://a.example.com/", timeout_s=3, max_length_s=60, finish_on_key="#")
    actions, dropped = actions_of(step)
    kinds = [kind for kind, _ in actions]
    assert kinds == [
        "variable_set", "beep", "recording_start", "digits_receive", "recording_stop", "fetch",
    ]  # fmt: skip
    assert actions[3] == ("digits_receive", {"duration": 60_000, "key": "#"})
    assert dropped == ("Record[1]/@timeout_s: silence ends the recording, not the wait",)
    written = VOIPBIN.write(d.Document((step,))).content
    assert VOIPBIN.parse(written).steps == (step,)
