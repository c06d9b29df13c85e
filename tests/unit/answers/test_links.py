"""Links of a document: found, made absolute, and asked through us."""

from collections.abc import Sequence

import orjson
import pytest

from service.answers import document as d
from service.answers import own
from service.answers.errors import BadAnswer
from service.answers.forms import FORMS
from service.answers.urls import Link, rewritten
from service.answers.values import Method, Role
from service.answers.xml import voxml

BASE = "https://ivr.example.com/flows/start.php?call=1#top"


def links(document: d.Document) -> Sequence[Link]:
    """Return the links of a document."""
    return rewritten(document, BASE, lambda link: link.url)[1]


def found(content: str) -> Sequence[Link]:
    """Return the links of a VoxML document."""
    return links(voxml.parse(f"<Response>{content}</Response>".encode()))


def test_every_url_of_a_document_is_found_with_its_place_and_role() -> None:
    content = """
      <Gather action="g"><Play>p.wav</Play></Gather>
      <Dial action="d" recordingStatusCallback="c" recordingStatusCallbackMethod="GET">
        <Number url="n" method="GET">1</Number></Dial>
      <Record action="r" recordingStatusCallback="s"/>
      <Pay action="y" statusCallback="z"><Prompt><Play>q.wav</Play></Prompt></Pay>
      <If expression="1"><Do expression="1"><Redirect method="GET">x</Redirect></Do></If>"""
    assert [(link.position, link.written, link.role, link.method) for link in found(content)] == [
        ("Gather[1]/@action", "g", Role.ASK, Method.POST),
        ("Gather[1]/Play[1]/@url", "p.wav", Role.MEDIA, None),
        ("Dial[1]/@action", "d", Role.ASK, Method.POST),
        ("Dial[1]/@recording_status_callback", "c", Role.NOTIFY, Method.GET),
        ("Dial[1]/Number[1]/@url", "n", Role.ASK, Method.GET),
        ("Record[1]/@action", "r", Role.ASK, Method.POST),
        ("Record[1]/@recording_status_callback", "s", Role.NOTIFY, Method.POST),
        ("Pay[1]/@action", "y", Role.ASK, Method.POST),
        ("Pay[1]/@status_callback", "z", Role.NOTIFY, Method.POST),
        ("Pay[1]/PayPrompt[1]/Play[1]/@url", "q.wav", Role.MEDIA, None),
        ("If[1]/Do[1]/Redirect[1]/@url", "x", Role.ASK, Method.GET),
    ]


@pytest.mark.parametrize(
    ("written", "url"),
    [
        ("next", "https://ivr.example.com/flows/next"),
        ("/next?a=1", "https://ivr.example.com/next?a=1"),
        ("../up", "https://ivr.example.com/up"),
        ("?step=2", "https://ivr.example.com/flows/start.php?step=2"),
        ("//cdn.example.net/a", "https://cdn.example.net/a"),
        ("http://other.example.com:8080/a", "http://other.example.com:8080/a"),
        ("", "https://ivr.example.com/flows/start.php?call=1"),
        ("a#b", "https://ivr.example.com/flows/a"),
        ("a?name=${_x.digits}", "https://ivr.example.com/flows/a?name=${_x.digits}"),
    ],
)
def test_relative_urls_are_resolved_against_the_document(written: str, url: str) -> None:
    (link,) = links(d.Document((d.Redirect(written),)))
    assert link.url == url


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd", "ftp://a.example.com/", "javascript:alert(1)", "data:,a", "sip:a@b",
        "https://${host}/a", "https://", "http://[::1", "https://a b/", "https://a.example.com/\\b",
        "https://a.example.com/\n", "https://a.example.com/" + "a" * 2100,
    ],
)  # fmt: skip
def test_a_url_that_no_request_can_go_to_is_refused(url: str) -> None:
    with pytest.raises(BadAnswer, match=r"bad_url: Redirect\[1\]/@url: "):
        links(d.Document((d.Redirect(url),)))


def test_asked_urls_are_rewritten_and_the_others_made_absolute() -> None:
    document = voxml.parse(
        b'<Response><Gather action="g"><Play>p.wav</Play></Gather>'
        b'<Record action="r" recordingStatusCallback="s"/></Response>'
    )
    result, seen = rewritten(document, BASE, lambda link: f"https://us.example.net/{link.written}")
    assert result.steps == (
        d.Gather(
            "https://us.example.net/g", prompts=(d.Play("https://ivr.example.com/flows/p.wav"),)
        ),
        d.Record(
            "https://us.example.net/r",
            recording_status_callback="https://ivr.example.com/flows/s",
        ),
    )
    assert [link.url for link in seen] == [
        f"https://ivr.example.com/flows/{name}" for name in ("g", "p.wav", "r", "s")
    ]


def test_an_action_that_needs_an_input_says_so() -> None:
    steps = (d.Gather("a"), d.Gather("b", action_on_empty_result=True), d.Record("c"))
    assert [link.asked_if_empty for link in links(d.Document(steps))] == [False, True, True]


def test_urls_in_members_of_one_form_are_judged_and_those_that_ask_rewritten() -> None:
    node = {
        "module": "menu",
        "data": {"greeting": ["file:///etc/passwd"], "name": "no: url"},
        "children": {
            "1": {"module": "pivot", "data": {"voice_url": "a", "cdr_url": "http://10.0.0.1/"}},
            "2": {"module": "webhook", "data": {"uri": "http://10.0.0.2/"}},
        },
    }
    document = FORMS["kazoo"].parse(orjson.dumps(node))
    seen = {link.position: (link.url, link.role) for link in links(document)}
    assert seen == {
        "Native[1]/greeting/0": ("file:///etc/passwd", Role.OTHER),
        "Native[1]/Branch[1]/Redirect[1]/@url": ("https://ivr.example.com/flows/a", Role.ASK),
        "Native[1]/Branch[1]/Redirect[1]/cdr_url": ("http://10.0.0.1/", Role.OTHER),
        "Native[1]/Branch[2]/Native[1]/uri": ("http://10.0.0.2/", Role.OTHER),
    }


def test_a_native_step_cannot_ask_past_us() -> None:
    content = b"""{"steps": [{"native": {"form": "voipbin", "name": "fetch",
      "data": {"option": {"event_url": "https://ivr.example.com/a"}}}}]}"""
    changed, _ = rewritten(own.parse(content), BASE, lambda _: "https://us.example.net")
    (step,) = changed.steps
    assert isinstance(step, d.Native)
    assert orjson.loads(step.data) == {"option": {"event_url": "https://us.example.net"}}
