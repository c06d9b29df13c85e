"""Kazoo's callflows, VoIPBIN's actions and our own JSON."""

from typing import Any

import orjson
import pytest

from service.answers import document as d
from service.answers import own
from service.answers.errors import BadAnswer
from service.answers.forms import FORMS
from service.answers.values import Input, Method, RejectReason

KAZOO, VOIPBIN = FORMS["kazoo"], FORMS["voipbin"]


def flow(*nodes: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    """Return nodes, each the next of the one before it."""
    (module, data), *others = nodes
    children = {"_": flow(*others)} if others else {}
    return {"module": module, "data": data, "children": children}


def of_flow(*nodes: tuple[str, dict[str, Any]]) -> tuple[d.Step, ...]:
    """Return the steps of a callflow, which must survive being written."""
    document = KAZOO.parse(orjson.dumps(flow(*nodes)))
    written = KAZOO.write(document)
    assert KAZOO.parse(written.content) == document
    return document.steps


def flow_of(*steps: d.Step) -> tuple[Any, tuple[str, ...]]:
    """Return the callflow of steps, and what was left out."""
    written = KAZOO.write(d.Document(steps))
    return orjson.loads(written.content), written.dropped


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
    ("module", "data", "step"),
    [
        ("answer", {}, d.Answer()),
        ("hangup", {}, d.Hangup()),
        ("tts", {"text": "a", "voice": "female", "language": "en"}, d.Say("a", "en", "female")),
        ("tts", {"text": "a", "voice": "Amy"},
         d.Say("a", extras=(d.Extra("kazoo", "voice", '"Amy"'),))),
        ("tts", {"text": "a", "engine": "flite"},
         d.Say("a", extras=(d.Extra("kazoo", "engine", '"flite"'),))),
        ("play", {"id": "https://a.example.com/x.wav"}, d.Play("https://a.example.com/x.wav")),
        ("play", {"id": "0123abcd"}, d.Native("kazoo", "play", '{"id":"0123abcd"}')),
        ("send_dtmf", {"digits": "12"}, d.Play(digits="12")),
        ("sleep", {"duration": 1500, "unit": "ms"}, d.Pause(1500)),
        ("sleep", {"duration": 2, "unit": "m"}, d.Pause(120_000)),
        ("sleep", {}, d.Pause(0)),
        ("collect_dtmf", {}, d.Gather(num_digits=1)),
        ("collect_dtmf", {"max_digits": 4, "timeout": 2500, "terminators": ["#", "*"],
                          "collection_name": "pin"},
         d.Gather(timeout_ms=2500, finish_on_key="#*", num_digits=4, output="pin")),
        ("resources", {"to_did": "+15550100001", "timeout": 20},
         d.Dial((d.Number("+15550100001"),), timeout_s=20)),
        ("resources", {"timeout": 20}, d.Native("kazoo", "resources", '{"timeout":20}')),
        ("record_caller", {"time_limit": 60}, d.Record(max_length_s=60, play_beep=False)),
        ("pivot", {"voice_url": "https://a.example.com/"},
         d.Redirect("https://a.example.com/", Method.GET)),
        ("response", {"code": "486"}, d.Reject(RejectReason.BUSY)),
        ("response", {"code": "503"}, d.Reject(RejectReason.REJECTED)),
        ("response", {"code": 404},
         d.Reject(RejectReason.REJECTED, extras=(d.Extra("kazoo", "code", "404"),))),
        ("set_variables", {"custom_application_vars": {"a": "1"}}, d.Set("a", "1")),
        ("voicemail", {"id": "b"}, d.Native("kazoo", "voicemail", '{"id":"b"}')),
    ],
)  # fmt: skip
def test_a_module_of_kazoo_is_a_step(module: str, data: dict[str, Any], step: d.Step) -> None:
    assert of_flow((module, data)) == (step,)


def test_branches_of_a_node_are_kept() -> None:
    node = flow(("menu", {"id": "m"}))
    node["children"] = {"1": flow(("hangup", {})), "_": flow(("tts", {"text": "a"}))}
    document = KAZOO.parse(orjson.dumps(node))
    branch = d.Branch("1", (d.Hangup(),))
    assert document.steps == (d.Native("kazoo", "menu", '{"id":"m"}', (branch,)), d.Say("a"))
    assert orjson.loads(KAZOO.write(document).content) == node


def test_a_pivot_after_an_input_is_its_action() -> None:
    pivot = ("pivot", {"voice_url": "https://a.example.com/", "method": "POST"})
    (gather,) = of_flow(("tts", {"text": "a"}), ("collect_dtmf", {}), pivot)
    assert gather == d.Gather(
        "https://a.example.com/",
        num_digits=1,
        action_on_empty_result=True,
        prompts=(d.Say("a"),),
    )
    gather, say = of_flow(("collect_dtmf", {}), pivot, ("tts", {"text": "none"}))
    assert isinstance(gather, d.Gather)
    assert not gather.action_on_empty_result
    assert say == d.Say("none")


def test_a_pivot_with_members_of_its_own_stays_a_redirect() -> None:
    data = {"voice_url": "https://a.example.com/", "req_format": "twiml"}
    _, redirect = of_flow(("collect_dtmf", {}), ("pivot", data), ("hangup", {}))
    assert isinstance(redirect, d.Redirect)
    assert redirect.otherwise == (d.Hangup(),)
    assert redirect.extras == (d.Extra("kazoo", "req_format", '"twiml"'),)


def test_a_call_without_a_time_out_keeps_kazoos_own() -> None:
    of_flow(("resources", {"to_did": "1"}))
    document = KAZOO.parse(orjson.dumps(flow(("resources", {"to_did": "1"}))))
    assert orjson.loads(KAZOO.write(document).content)["data"] == {"to_did": "1"}
    written, _ = flow_of(d.Dial((d.Number("1"),)))
    assert written["data"] == {"timeout": 30, "to_did": "1"}


def test_the_voices_of_xml_have_words_in_kazoo() -> None:
    written, dropped = flow_of(d.Say("a", voice="woman"))
    assert written["data"] == {"text": "a", "voice": "female"}
    assert dropped == ()


def test_an_empty_document_hangs_up_in_kazoo() -> None:
    assert flow_of() == (flow(("hangup", {})), ())


def test_what_follows_the_end_of_a_document_is_named() -> None:
    written, dropped = flow_of(d.Hangup(), d.Say("never"))
    assert written == flow(("hangup", {}))
    assert dropped == ("Say[1]: never runs, as an earlier verb ends the document",)


def test_any_number_of_digits_and_several_keys_are_written_for_kazoo() -> None:
    written, _ = flow_of(d.Gather(finish_on_key="**#"))
    assert written["data"] == {"max_digits": 1000, "timeout": 5000, "terminators": ["*", "#"]}


@pytest.mark.parametrize(
    ("step", "note"),
    [
        (d.Gather(finish_on_key=""), "Gather[1]/@finish_on_key: kazoo always has a key"),
        (d.Gather(language="de"), "Gather[1]/@language: kazoo has no such attribute"),
        (d.Record(), "Record[1]/@play_beep: kazoo plays no tone"),
        (d.Record(finish_on_key="#"), "Record[1]/@finish_on_key: any key ends"),
        (d.Record(max_length_s=7200), "Record[1]/@max_length_s: kazoo records for 5 to 3600 s"),
        (d.Dial((d.Number("1"),), "a"), "Dial[1]/@action: kazoo asks it only if the call is not"),
        (d.Dial((d.Number("1"),), caller_id="2"), "Dial[1]/@caller_id: kazoo has no such"),
        (d.Say("a", voice="Polly.Amy"), "Say[1]/@voice: kazoo's engines share only"),
        (d.Say("a", loop=0), "Say[1]/@loop: repeated 20 times"),
    ],
)
def test_what_kazoo_cannot_say_is_named(step: d.Step, note: str) -> None:
    _, dropped = flow_of(step)
    assert [one for one in dropped if one.startswith(note)]


@pytest.mark.parametrize("form", ["kazoo", "voipbin"])
@pytest.mark.parametrize(
    "step",
    [
        d.If("1"),
        d.Do("1"),
        d.Unset("a"),
        d.Pay(),
        d.Connect((d.Flow("a"),)),
        d.Gather(input=Input.SPEECH),
        d.Native("voxml", "Sing"),
        d.Native("kazoo", "sing"),
        d.Native("voipbin", "sing"),
    ],
)
def test_a_step_that_a_switch_lacks_is_unsupported(form: str, step: d.Step) -> None:
    with pytest.raises(BadAnswer, match=r"unsupported: \w+\[1\]"):
        FORMS[form].write(d.Document((step,)))


def test_kazoo_takes_a_thousand_characters_and_one_number() -> None:
    with pytest.raises(BadAnswer, match="at most 1000 characters"):
        flow_of(d.Say("a" * 1001))
    with pytest.raises(BadAnswer, match="dial one number"):
        flow_of(d.Dial((d.Number("1"), d.Number("2"))))


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


def test_our_own_form_takes_native_steps_and_extras() -> None:
    value = {
        "steps": [
            {"say": {"text": "a", "extras": {"kazoo": {"engine": "flite"}}}},
            {"redirect": {"url": "b", "otherwise": [{"hangup": {}}]}},
            {"native": {"form": "kazoo", "name": "menu", "data": {"id": "m"},
                        "branches": {"1": [{"hangup": {}}]}}},
        ]
    }  # fmt: skip
    document = own.parse(orjson.dumps(value))
    assert document.steps == (
        d.Say("a", extras=(d.Extra("kazoo", "engine", '"flite"'),)),
        d.Redirect("b", otherwise=(d.Hangup(),)),
        d.Native("kazoo", "menu", '{"id":"m"}', (d.Branch("1", (d.Hangup(),)),)),
    )
    assert orjson.loads(own.write(document).content) == value


def test_a_long_callflow_is_written_and_read_again() -> None:
    steps = tuple(d.Gather(f"https://a.example.com/{number}") for number in range(100))
    written = KAZOO.write(d.Document(steps))
    modules = written.content.count(b'"module":')
    assert modules == 200


@pytest.mark.parametrize("form", ["kazoo", "voipbin"])
def test_repetitions_that_make_too_much_are_refused(form: str) -> None:
    says = (d.Say("a", loop=20),) * 16
    with pytest.raises(
        BadAnswer, match=r"too_many_verbs: document: .*once repetitions are written out"
    ):
        FORMS[form].write(d.Document(says))
