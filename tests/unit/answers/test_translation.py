"""Translation between forms: an IVR for both switches, detection of the form, what is left out."""

from pathlib import Path

import orjson
import pytest

from service.answers import document as d
from service.answers.errors import BadAnswer
from service.answers.forms import FORMS, form_of, translate
from service.answers.urls import Link, rewritten

IVR = Path(__file__).parent / "ivr"
BASE = "https://ivr.example.com/ivr/start?call=1"


def asked_through_us(document: d.Document) -> d.Document:
    """Return a document of the IVR whose actions are asked at another address."""
    return rewritten(document, BASE, _our_address)[0]


def _our_address(link: Link) -> str:
    return link.url.replace("https://ivr.example.com/", "https://ask.example.net/k3/")


LEFT_OUT = {
    ("menu", "voipbin"): ("Gather[1]/Play[1]: keys do not stop it in voipbin",),
    ("sales", "kazoo"): ("Dial[1]/@action: kazoo asks it only if the call is not connected",),
    ("sales", "voipbin"): ("Dial[1]/@timeout_s: voipbin has no such attribute",),
    ("message", "kazoo"): (
        "Record[1]/@timeout_s: kazoo has no such attribute",
        "Record[1]/@play_beep: kazoo plays no tone before a recording",
    ),
}


@pytest.mark.parametrize("into", ["kazoo", "voipbin"])
@pytest.mark.parametrize("name", ["menu", "sales", "message", "goodbye"])
def test_an_ivr_written_once_in_voxml_drives_either_switch(name: str, into: str) -> None:
    content = (IVR / f"{name}.xml").read_bytes()
    result = translate(content, "application/xml; charset=utf-8", into, change=asked_through_us)
    assert result.content_type == "application/json"
    assert orjson.loads(result.content) == orjson.loads((IVR / f"{name}.{into}.json").read_bytes())
    assert result.dropped == LEFT_OUT.get((name, into), ())


@pytest.mark.parametrize(
    ("content", "content_type", "name"),
    [
        (b"<Response/>", "application/xml", "voxml"),
        (b"<Response/>", "text/xml;charset=UTF-8", "voxml"),
        (b"<Response/>", "application/vnd.example+xml", "voxml"),
        (b"\xef\xbb\xbf <Response/>", "", "voxml"),
        (b"[]", "application/json", "voipbin"),
        (b'{"module":"hangup"}', "Application/JSON; charset=utf-8", "kazoo"),
        (b'\xef\xbb\xbf{"module":"hangup"}', "", "kazoo"),
        (b'{"steps":[]}', "application/json", "switchhook"),
        (b'{"steps":[],"module":"x"}', "", "switchhook"),
        (b"{", "application/json", "switchhook"),
    ],
)
def test_content_type_and_first_bytes_tell_the_form(
    content: bytes, content_type: str, name: str
) -> None:
    assert form_of(content, content_type) == name


@pytest.mark.parametrize(
    ("content", "content_type", "reason"),
    [
        (b"hello", "", "wrong_type"),
        (b"", "", "empty"),
        (b"", "application/json", "empty"),
        (b"", "application/xml", "empty"),
        (b"<Response/>", "text/html", "wrong_type"),
        (b"<Response/>", "application/json", "malformed"),
        (b"{}", "application/xml", "malformed"),
        (b"<Response/>", "application/xml; charset=utf-7", "bad_encoding"),
    ],
)
def test_an_answer_of_no_form_has_its_reason(
    content: bytes, content_type: str, reason: str
) -> None:
    with pytest.raises(BadAnswer) as caught:
        translate(content, content_type, "kazoo")
    assert caught.value.reason == reason


def test_the_charset_of_the_content_type_is_used() -> None:
    content = "<Response><Say>Grüße</Say></Response>".encode("latin-1")
    result = translate(content, 'text/xml; charset="ISO-8859-1"', "switchhook")
    assert result.document == d.Document((d.Say("Grüße"),))
    assert "Grüße".encode() in result.content


def test_the_source_may_be_given() -> None:
    content = b"<Response><Gather/></Response>"
    assert translate(content, "", "switchhook", source="twiml").document.steps == (d.Gather(""),)
    assert translate(content, "", "switchhook").document.steps == (d.Gather(),)


def test_a_document_for_voipbin_answers_where_it_must_and_ends_the_call() -> None:
    def kinds(content: bytes) -> list[str]:
        return [one["type"] for one in orjson.loads(translate(content, "", "voipbin").content)]

    assert kinds(b"<Response><Pause/></Response>") == ["sleep", "hangup"]
    assert kinds(b"<Response/>") == ["hangup"]
    play = b"<Pause/><Play>https://a.example.com/</Play>"
    assert kinds(b"<Response>%s</Response>" % play) == ["sleep", "answer", "play", "hangup"]
    assert kinds(b"<Response><Say>a</Say><Record/></Response>")[0] == "talk"
    assert kinds(b"<Response><Gather/></Response>")[0] == "answer"
    assert kinds(b"<Response><Gather><Say>a</Say></Gather></Response>")[0] == "variable_set"
    assert kinds(b"<Response><Dial>1</Dial></Response>")[0] == "answer"
    bridge = b'<Response><Dial answerOnBridge="true">1</Dial></Response>'
    assert kinds(bridge) == ["connect", "hangup"]
    assert kinds(b"<Response><Reject/></Response>") == ["hangup"]
    assert kinds(b"<Response><Redirect>a</Redirect></Response>") == ["fetch", "hangup"]
    assert kinds(b'[{"type":"sleep","option":{"duration":1000}}]') == ["sleep"]


def test_a_flow_that_would_go_on_is_named_or_unsupported() -> None:
    result = translate(b'[{"type":"answer"}]', "", "kazoo")
    assert result.dropped == ("end: the flow that asked would go on; in kazoo, the call ends",)
    with pytest.raises(BadAnswer, match="unsupported: an empty array lets the flow go on"):
        translate(b"[]", "", "kazoo")


def test_members_of_one_form_are_kept_in_it_and_named_in_others() -> None:
    content = b'{"module":"tts","data":{"text":"a","engine":"flite"}}'
    assert b'"engine":"flite"' in translate(content, "", "kazoo").content
    assert translate(content, "", "voxml").dropped == ("Say[1]/engine: only kazoo has it",)


def test_a_native_verb_is_unsupported_elsewhere() -> None:
    content = b'{"module":"voicemail","data":{"id":"b"}}'
    for name in FORMS.keys() - {"kazoo", "switchhook"}:
        with pytest.raises(BadAnswer, match=r"unsupported: Native\[1\]"):
            translate(content, "", name)


def test_ignored_attributes_are_named_with_those_that_cannot_be_said() -> None:
    content = b'<Response><Say pitch="high" voice="Amy" loop="2">a</Say></Response>'
    result = translate(content, "", "twiml")
    assert result.dropped == (
        "Response/Say[1]/@pitch: unknown attribute",
        "Say[1]/@voice: Kazoo's pivot only knows man and woman",
    )


@pytest.mark.parametrize(
    ("source", "into", "passes"),
    [
        ("voxml", "voxml", True), ("kazoo", "kazoo", True), ("voipbin", "voipbin", True),
        ("switchhook", "voipbin", True), ("voxml", "switchhook", True),
        ("voxml", "kazoo", False), ("voxml", "voipbin", False), ("voipbin", "voxml", False),
        ("voxml", "twiml", False), ("kazoo", "voipbin", False), ("switchhook", "kazoo", False),
    ],
)  # fmt: skip
def test_variables_stay_with_the_switch_that_knows_them(
    source: str, into: str, passes: bool
) -> None:
    text = "Hello ${name}"
    content = FORMS[source].write(d.Document((d.Say(text),))).content
    if passes:
        assert text.encode() in translate(content, "", into, source=source).content
    else:
        with pytest.raises(BadAnswer, match=r"unsupported: Say\[1\]/@text: \w+ does not know"):
            translate(content, "", into, source=source)
