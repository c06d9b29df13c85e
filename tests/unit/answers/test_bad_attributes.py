"""Unknown verbs and wrong attributes are named with their position."""

import pytest

from service.answers.errors import BadAnswerReason
from tests.unit.answers.refusals import refused


@pytest.mark.parametrize(
    ("form", "content", "text"),
    [
        ("voxml", b"<Response><Sing/></Response>",
         "Response/Sing[1]: unknown verb; allowed here: Answer, Connect, Dial,"),
        ("voxml", b"<Response><Gather><Dial>1</Dial></Gather></Response>",
         "Response/Gather[1]/Dial[1]: unknown verb; allowed here: Say, Play, Pause"),
        ("voxml", b"<Response><Hangup><Say>a</Say></Hangup></Response>",
         "Response/Hangup[1]/Say[1]: unknown verb; allowed here: none"),
        ("twiml", b"<Response><Pay/></Response>", "Response/Pay[1]: unknown verb"),
        ("twiml", b"<Response><Set><X/></Set></Response>",
         "Response/Set[1]/X[1]: unknown verb; allowed here: Variable"),
        ("kazoo", b'{"module":"sing","data":{}}', "flow[0]: 'sing' is no callflow module"),
        ("kazoo", b'{"module":"tts","data":{"text":"a"},"children":{"_":{"module":"x"}}}',
         "flow[1]: 'x' is no callflow module"),
        ("voipbin", b'[{"type":"answer"},{"type":"sing"}]', "actions[1]: 'sing' is no type"),
        ("switchhook", b'{"steps":[{"sing":{}}]}', "steps[0].sing: unknown verb; allowed here: a"),
        ("switchhook", b'{"steps":[{"gather":{"prompts":[{"hangup":{}}]}}]}',
         "steps[0].gather.prompts[0].hangup: unknown verb; allowed here: say, play, pause"),
    ],
)  # fmt: skip
def test_an_unknown_verb_is_named_with_its_place(form: str, content: bytes, text: str) -> None:
    error = refused(form, content)
    assert error.reason is BadAnswerReason.UNKNOWN_VERB
    assert error.detail.startswith(text)


@pytest.mark.parametrize(
    ("form", "content", "text"),
    [
        ("voxml", b"<Response><Say>a</Say><Gather/><Gather timeout='soon'/></Response>",
         "Response/Gather[2]/@timeout: 'soon' is not allowed; "
         "allowed: a whole number from 0 to 3600"),
        ("voxml", b"<Response><Gather numDigits='0'/></Response>",
         "Response/Gather[1]/@numDigits: 0 is not allowed; "
         "allowed: a whole number from 1 to 999"),
        ("voxml", b"<Response><Gather numDigits='1_0'/></Response>",
         "Response/Gather[1]/@numDigits: '1_0' is not allowed; "
         "allowed: a whole number from 1 to 999"),
        ("voxml", b"<Response><Gather input='telepathy'/></Response>",
         "Response/Gather[1]/@input: 'telepathy' is not allowed; "
         "allowed: one of dtmf, speech, dtmf speech"),
        ("voxml", b"<Response><Record playBeep='maybe'/></Response>",
         "Response/Record[1]/@playBeep: 'maybe' is not allowed; allowed: true or false"),
        ("voxml", b"<Response><Record maxLength='14401'/></Response>",
         "Response/Record[1]/@maxLength: 14401 is not allowed; "
         "allowed: a whole number from 1 to 14400"),
        ("voxml", b"<Response><Record recordingStatusCallbackEvent='completed x'/></Response>",
         "Response/Record[1]/@recordingStatusCallbackEvent: 'x' is not allowed; "
         "allowed: any of in-progress, completed, failed"),
        ("voxml", b"<Response><If><Hangup/></If></Response>",
         "Response/If[1]/@expression: missing; it must be 1 to 1,000 characters"),
        ("voxml", b"<Response><Dial/></Response>", "Response/Dial[1]: needs a number"),
        ("voxml", b"<Response><Dial>Bob</Dial></Response>",
         "Response/Dial[1]/Number[1]: 'Bob' is not allowed; "
         "allowed: up to 20 digits, with or without + before them"),
        ("voxml", b"<Response><Say/></Response>", "Response/Say[1]: needs a text"),
        ("voxml", b"<Response><Play/></Response>",
         "Response/Play[1]: needs either a URL or digits"),
        ("voxml", b"<Response><Connect/></Response>",
         "Response/Connect[1]: needs exactly one flow"),
        ("twiml", b"<Response><Set><Variable key=''/></Set></Response>",
         "Response/Set[1]/Variable[1]/@key: '' is not allowed; allowed: letters, digits and _ . -"),
        ("kazoo", b'{"module":"tts","data":{"text":7}}',
         "flow[0].data.text: 7 is not allowed; allowed: text without control characters"),
        ("kazoo", b'{"module":"sleep","data":{"unit":"d"}}',
         "flow[0].data.unit: must be one of ms, s, m, h"),
        ("kazoo", b'{"module":"pivot","data":{}}',
         "flow[0].data.voice_url: missing; it must be text without control characters"),
        ("kazoo", b'{"module":"tts","data":[]}', "flow[0].data: must be an object, not list"),
        ("voipbin", b'[{"type":"play","option":{"stream_urls":"a"}}]',
         "actions[0].option.stream_urls: must be an array of URLs"),
        ("voipbin", b'[{"type":"digits_receive","option":{"duration":-1}}]',
         "actions[0].option.duration: -1 is not allowed; "
         "allowed: a whole number from 0 to 3600000"),
        ("voipbin", b'[{"type":"connect","option":{"destinations":5}}]',
         "actions[0].option.destinations: must be an array of addresses"),
        ("voipbin", b'["answer"]', "actions[0]: must be an object, not str"),
        ("switchhook", b'{"steps":[{"say":{"text":"a","txt":1}}]}',
         "steps[0].say.txt: unknown member"),
        ("switchhook", b'{"steps":[{"say":{"text":"a"},"hangup":{}}]}',
         "steps[0]: must be an object with one member, the verb"),
        ("switchhook", b'{"steps":[{"say":{"text":"a","loop":true}}]}',
         "steps[0].say.loop: true is not allowed; allowed: a whole number from 0 to 1000"),
        ("switchhook", b'{"steps":[],"stps":[]}', "answer.stps: unknown member"),
    ],
)  # fmt: skip
def test_a_wrong_attribute_is_named_with_its_allowed_values(
    form: str, content: bytes, text: str
) -> None:
    assert str(refused(form, content)) == f"bad_attribute: {text}"


def test_a_long_value_is_cut_in_the_message() -> None:
    error = refused("voxml", b"<Response><Gather timeout='" + b"x" * 10_000 + b"'/></Response>")
    assert len(str(error)) < 200


@pytest.mark.parametrize(
    "content", [b"<Response>a</Response>", b"<Response><Pause>a</Pause></Response>"]
)
def test_text_where_none_is_allowed_is_malformed(content: bytes) -> None:
    error = refused("voxml", content)
    assert error.reason is BadAnswerReason.MALFORMED
    assert error.detail.endswith(": text is not allowed here")
