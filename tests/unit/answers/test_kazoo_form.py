"""Kazoo's callflows: each module, folding, and what is left out."""

from typing import Any

import orjson
import pytest

from service.answers import document as d
from service.answers.errors import BadAnswer
from service.answers.forms import FORMS
from service.answers.values import Method, RejectReason

KAZOO = FORMS["kazoo"]


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


def test_kazoo_takes_a_thousand_characters_and_one_number() -> None:
    with pytest.raises(BadAnswer, match="at most 1000 characters"):
        flow_of(d.Say("a" * 1001))
    with pytest.raises(BadAnswer, match="dial one number"):
        flow_of(d.Dial((d.Number("1"), d.Number("2"))))


def test_a_long_callflow_is_written_and_read_again() -> None:
    steps = tuple(d.Gather(f"https://a.example.com/{number}") for number in range(100))
    written = KAZOO.write(d.Document(steps))
    modules = written.content.count(b'"module":')
    assert modules == 200
