"""VoxML and TwiML: every verb, every attribute, defaults and encodings."""

from typing import Any

import pytest

from service.answers import document as d
from service.answers.errors import BadAnswer
from service.answers.fields import fields_of
from service.answers.values import (
    KEYS,
    History,
    Input,
    Method,
    Recording,
    RecordingEvent,
    RejectReason,
    RingTone,
    Track,
)
from service.answers.xml import twiml, voxml


def only(document: d.Document) -> Any:
    """Return the single step of a document."""
    (step,) = document.steps
    return step


def vox(inside: str) -> Any:
    """Return the single step of a VoxML document."""
    return only(voxml.parse(f"<Response>{inside}</Response>".encode()))


def twi(inside: str) -> d.Document:
    """Return a TwiML document."""
    return twiml.parse(f"<Response>{inside}</Response>".encode())


def test_defaults_are_those_of_the_vendors_pages() -> None:
    gather = vox("<Gather/>")
    assert (gather.input, gather.timeout_ms, gather.finish_on_key) == (Input.DTMF, 5000, "#")
    assert (gather.num_digits, gather.language, gather.method) == (None, "en-US", Method.POST)
    assert gather.action is None
    assert (gather.profanity_filter, gather.action_on_empty_result) == (False, False)
    record = vox("<Record/>")
    assert (record.timeout_s, record.max_length_s, record.play_beep) == (5, 3600, True)
    assert record.finish_on_key == KEYS
    assert record.recording_status_callback_event == (RecordingEvent.COMPLETED,)
    dial = vox("<Dial>100</Dial>")
    assert (dial.timeout_s, dial.time_limit_s, dial.ring_tone) == (30, 14_400, RingTone.US)
    assert (dial.record, dial.recording_track) == (Recording.NONE, Track.BOTH)
    assert vox("<Pause/>").duration_ms == 1000
    assert vox("<Reject/>").reason is RejectReason.REJECTED
    assert vox("<Redirect>a</Redirect>").method is Method.POST


EVERY_VERB = """<?xml version="1.0" encoding="UTF-8"?>
<Response>
  <!-- every verb, with every attribute -->
  <Answer history="full"/>
  <Connect history="compact"><Flow resume="true">5f0c2a9b-0000</Flow></Connect>
  <Dial action="a" answerOnBridge="true" callerId="+15550100000" hangupOnStar="true" method="GET"
    history="full" output="call" ringTone="de" timeout="20" timeLimit="60"
    record="record-from-ringing-dual" recordingStatusCallback="cb"
    recordingStatusCallbackMethod="GET" recordingStatusCallbackEvent="in-progress failed"
    recordingTrack="inbound"><Number url="u" method="GET" sendDigits="1">100</Number></Dial>
  <Do expression="${do.n}&lt;2" maxLoops="2"><Say>again</Say></Do>
  <Gather action="a" actionOnEmptyResult="true" method="GET" numDigits="4" finishOnKey="*"
    language="de" input="dtmf speech" history="full" output="_x" profanityFilter="true"
    timeout="9" speechTimeout="auto"><Say>a</Say><Play>b</Play><Pause length="2"/></Gather>
  <If expression="${_x.digits}==1"><Hangup history="full"/></If>
  <Pause length="3" history="full"/>
  <Pay action="a" method="GET" input="dtmf" language="en-US" maxAttempts="3" timeout="9"
    chargeAmount="10.00" currency="eur" description="d" paymentConnector="c"
    paymentMethod="ach-debit" tokenType="reusable" validCardTypes="visa" securityCode="true"
    postalCode="false" minPostalCodeLength="5" bankAccountType="x" statusCallback="s"
    statusCallbackMethod="GET" history="full">
    <Prompt for="payment-card-number" attempt="1" cardType="visa" errorType="timeout"
      requireMatchingInputs="true"><Say>card</Say><Play>p</Play></Prompt>
    <Parameter name="order" value="7"/>
  </Pay>
  <Play loop="2" digits="1w2" history="full"/>
  <Record action="a" method="GET" timeout="0" history="full" finishOnKey="1" maxLength="60"
    playBeep="false" recordingStatusCallback="cb" recordingStatusCallbackMethod="GET"
    recordingStatusCallbackEvent="completed failed"/>
  <Redirect method="GET" history="full">next</Redirect>
  <Reject reason="busy" history="full"/>
  <Say language="en-GB" voice="Polly.Amy" loop="0" history="full"><![CDATA[a < b]]></Say>
  <Set output="x" history="full">5</Set>
  <Unset output="x" history="full"/>
</Response>"""


def test_every_verb_is_read_and_written_with_every_attribute() -> None:
    document = voxml.parse(EVERY_VERB.encode())
    assert document.ignored == ()
    assert {type(step).__name__ for step in document.steps} | {"Hangup"} == set(voxml.VERBS)
    for step in document.steps:
        defaults = fields_of(type(step))
        same = [name for name, one in defaults.items() if getattr(step, name) == one.default]
        assert same in ([], ["url"])
    written = voxml.write(document)
    assert written.dropped == ()
    assert voxml.parse(written.content) == document


def test_values_have_units() -> None:
    document = voxml.parse(EVERY_VERB.encode())
    by_name = {type(step).__name__: step for step in document.steps}
    assert by_name["Gather"].timeout_ms == 9000  # type: ignore[union-attr]
    assert by_name["Pause"].duration_ms == 3000  # type: ignore[union-attr]
    assert by_name["Say"].history is History.FULL  # type: ignore[union-attr]
    assert by_name["Say"].text == "a < b"  # type: ignore[union-attr]


def test_a_number_is_read_without_its_separators() -> None:
    assert vox("<Dial> +1 (555) 010-0001 </Dial>").numbers == (d.Number("+15550100001"),)
    assert vox("<Dial><Number>1</Number><Number>2</Number></Dial>").numbers == (
        d.Number("1"),
        d.Number("2"),
    )


def test_unknown_attributes_are_read_over_and_named() -> None:
    content = b'<Response version="2"><Say tone="warm" voice="man">a</Say></Response>'
    document = voxml.parse(content)
    assert document == d.Document((d.Say("a", voice="man"),))
    assert document.ignored == (
        "Response/@version: unknown attribute",
        "Response/Say[1]/@tone: unknown attribute",
    )
    assert voxml.write(document).dropped == document.ignored


@pytest.mark.parametrize(
    ("content", "charset"),
    [
        ("<Response><Say>Grüße</Say></Response>".encode(), ""),
        ("\ufeff<Response><Say>Grüße</Say></Response>".encode(), ""),
        ("<Response><Say>Grüße</Say></Response>".encode("latin-1"), "ISO-8859-1"),
        ("<Response><Say>Grüße</Say></Response>".encode("utf-16"), ""),
        (
            '<?xml version="1.0" encoding="windows-1252"?>'
            "<Response><Say>Grüße</Say></Response>".encode("cp1252"),
            "",
        ),
        (
            '<?xml version="1.0" encoding="iso-8859-1"?>'
            "<Response><Say>Grüße</Say></Response>".encode(),
            "utf-8",
        ),
    ],
)
def test_the_encoding_is_that_of_mark_content_type_or_declaration(
    content: bytes, charset: str
) -> None:
    assert voxml.parse(content, charset=charset) == d.Document((d.Say("Grüße"),))


@pytest.mark.parametrize("name", ["utf-7", "utf-32", "EUC-JP", "base64", "x" * 40])
def test_other_encodings_are_refused(name: str) -> None:
    content = f'<?xml version="1.0" encoding="{name}"?><Response/>'.encode()
    with pytest.raises(BadAnswer, match=f"bad_encoding: charset '{name}' is not allowed"):
        voxml.parse(content)


def test_milliseconds_are_rounded_up_and_named() -> None:
    written = voxml.write(d.Document((d.Pause(1500),)))
    assert b'<Pause length="2"/>' in written.content
    assert written.dropped == ("Pause[1]/@duration_ms: rounded up to whole seconds",)


def test_steps_for_an_unreachable_document_are_named() -> None:
    written = voxml.write(d.Document((d.Redirect("a", otherwise=(d.Say("sorry"),)),)))
    (note,) = written.dropped
    assert note.startswith("Redirect[1]/Say[1]: voxml has no steps for a document")


def test_a_twiml_verb_without_action_asks_its_own_document() -> None:
    assert only(twi("<Gather/>")).action == ""
    assert only(twi("<Record/>")).action == ""
    assert only(twi("<Dial>1</Dial>")).action is None
    assert twiml.write(twi("<Gather/>")).content.endswith(b"<Gather/></Response>")
    with pytest.raises(BadAnswer, match=r"unsupported: Gather\[1\]: twiml always asks a document"):
        twiml.write(d.Document((d.Gather(),)))


def test_twiml_spells_languages_recordings_and_variables_in_its_own_way() -> None:
    content = (
        '<Say language="en-gb">a</Say><Dial record="true">1</Dial>'
        '<Set><Variable key="a" value="1"/><Variable key="b" value="2"/></Set>'
    )
    document = twi(content)
    assert document.steps == (
        d.Say("a", language="en-GB"),
        d.Dial((d.Number("1"),), record=Recording.FROM_ANSWER),
        d.Set("a", "1"),
        d.Set("b", "2"),
    )
    written = twiml.write(document).content
    assert b'<Say language="en-gb">' in written
    assert b'<Set><Variable key="a" value="1"/></Set><Set>' in written
    assert twiml.parse(written) == document


@pytest.mark.parametrize(
    ("step", "written", "note"),
    [
        (d.Say("a", language="pt-BR"), b"<Say>a</Say>", "Say[1]/@language: Kazoo's pivot only"),
        (d.Say("a", voice="Polly.Amy"), b"<Say>a</Say>", "Say[1]/@voice: Kazoo's pivot only"),
        (
            d.Gather("", finish_on_key="*1"),
            b'<Gather finishOnKey="*"/>',
            "Gather[1]/@finish_on_key",
        ),
        (d.Gather("", timeout_ms=0), b'<Gather timeout="1"/>', "Gather[1]/@timeout_ms: Kazoo's"),
        (d.Record("", timeout_s=0), b'<Record timeout="3600"/>', "Record[1]/@timeout_s: silence"),
        (d.Record("", max_length_s=7200), b"<Record/>", "Record[1]/@max_length_s: Kazoo's pivot"),
        (d.Hangup(History.FULL), b"<Hangup/>", "Hangup[1]/@history: twiml has no such attribute"),
        (d.Pause(0), b"<Response></Response>", "Pause[1]: Kazoo's pivot has no pause of 0 s"),
        (d.Answer(), b"<Response></Response>", "Answer[1]: twiml has no such verb; the next one"),
        (d.Dial((d.Number("1"),), hangup_on_star=True), b"<Dial><Number>1", "Dial[1]/@hangup_on_"),
        (d.Dial((d.Number("1"),), timeout_s=0), b'<Dial timeout="1">', "Dial[1]/@timeout_s: Kazoo"),
        (
            d.Dial((d.Number("1"),), record=Recording.FROM_RINGING_DUAL),
            b'<Dial record="true">',
            "Dial[1]/@record: recorded from the answer on",
        ),
    ],
)
def test_what_ends_a_document_in_kazoos_pivot_is_changed_and_named(
    step: d.Step, written: bytes, note: str
) -> None:
    result = twiml.write(d.Document((step,)))
    assert written in result.content
    assert [one for one in result.dropped if one.startswith(note)]


@pytest.mark.parametrize(
    "step",
    [
        d.Play(digits="1"),
        d.Gather("", input=Input.SPEECH),
        d.If("1"),
        d.Unset("a"),
        d.Native("kazoo", "menu"),
    ],
)
def test_twiml_refuses_what_kazoos_pivot_cannot_do(step: d.Step) -> None:
    with pytest.raises(BadAnswer, match=r"unsupported: \w+\[1\]"):
        twiml.write(d.Document((step,)))


def test_attributes_that_kazoos_pivot_does_not_read_are_written_and_named() -> None:
    written = twiml.write(twi('<Gather language="de" input="dtmf speech"/>'))
    assert b'language="de"' in written.content
    assert written.dropped == (
        "Gather[1]/@input: written, but Kazoo's pivot does not read it",
        "Gather[1]/@language: written, but Kazoo's pivot does not read it",
    )
