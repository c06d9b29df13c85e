"""Bad answers: each has a reason, and a text that names the position."""

import orjson
import pytest

from service.answers.errors import BadAnswer, BadAnswerReason
from service.answers.forms import FORMS, translate
from service.answers.policy import AnswerPolicy
from tests.unit.answers.refusals import refused

XML_FORMS = ("voxml", "twiml")
JSON_FORMS = ("kazoo", "voipbin", "switchhook")
LAUGHS = (
    b'<!DOCTYPE r [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">'
    b'<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]><Response><Say>&c;</Say></Response>'
)


def nested_json(levels: int) -> bytes:
    """Return verbs inside verbs of our own form."""
    return b'{"steps":[{"do":{"expression":"1","steps":[' * levels + b"]}}]}" * levels


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("content", [b"", b"  \r\n\t", b"\xef\xbb\xbf", b"\xef\xbb\xbf \n"])
def test_an_answer_without_content_is_empty(form: str, content: bytes) -> None:
    assert refused(form, content).reason is BadAnswerReason.EMPTY


@pytest.mark.parametrize("form", FORMS)
def test_two_megabytes_are_too_large(form: str) -> None:
    error = refused(form, b"<" * 2_000_000)
    assert str(error) == "too_large: 2000000 bytes; at most 65536 are allowed"


@pytest.mark.parametrize("form", FORMS)
def test_the_largest_size_is_the_policys(form: str) -> None:
    policy = AnswerPolicy(max_bytes=1024)
    assert refused(form, b" " * 1025, policy).reason is BadAnswerReason.TOO_LARGE
    assert refused(form, b" " * 1024, policy).reason is BadAnswerReason.EMPTY


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "content", [b"\xff\xfeab", b"<Say>\xe9</Say>", b'"\xc3\x28"', b"\xed\xa0\x80"]
)
def test_invalid_text_is_refused(form: str, content: bytes) -> None:
    reasons = (BadAnswerReason.BAD_ENCODING, BadAnswerReason.MALFORMED)
    assert refused(form, content).reason in reasons


@pytest.mark.parametrize("form", FORMS)
def test_invalid_utf8_names_the_byte(form: str) -> None:
    assert str(refused(form, b"{ \xff }")) == "bad_encoding: byte 2 is not utf-8"


@pytest.mark.parametrize("form", XML_FORMS)
@pytest.mark.parametrize(
    "content",
    [
        b"<Response>", b"<Response></response>", b"<Response/><Response/>", b"hello", b"{}",
        b"<Response>&undefined;</Response>", b"<Response a='1' a='2'/>", b"<a:b/ c>",
        b"<Response>\x01</Response>", b"<Response><Say>a</Response>",
    ],
)  # fmt: skip
def test_broken_xml_is_malformed_with_its_place(form: str, content: bytes) -> None:
    error = refused(form, content)
    assert error.reason is BadAnswerReason.MALFORMED
    assert "line 1, column " in error.detail


@pytest.mark.parametrize("form", XML_FORMS)
@pytest.mark.parametrize(
    "content",
    [
        LAUGHS,
        b"<!DOCTYPE Response><Response/>",
        b'<!DOCTYPE Response SYSTEM "https://example.com/a.dtd"><Response/>',
        b'<!DOCTYPE Response [<!ENTITY x SYSTEM "file:///etc/passwd">]><Response>&x;</Response>',
        b'<!DOCTYPE r [<!ENTITY % p SYSTEM "http://169.254.169.254/">%p;]><Response/>',
        b'<!DOCTYPE r [<!ENTITY a "' + b"a" * 50_000 + b'">]><Response>&a;&a;&a;</Response>',
    ],
)
def test_a_document_type_is_refused_before_its_entities(form: str, content: bytes) -> None:
    error = refused(form, content)
    assert str(error) == "dtd: a document type (DOCTYPE) is not allowed"


@pytest.mark.parametrize("form", XML_FORMS)
def test_ten_thousand_nested_elements_are_too_deep(form: str) -> None:
    error = refused(form, b"<Response>" + b"<Do>" * 10_000)
    assert error.reason is BadAnswerReason.TOO_DEEP
    assert error.detail.endswith("/Do[1]: more than 16 levels deep")


@pytest.mark.parametrize("form", JSON_FORMS)
def test_ten_thousand_nested_values_are_too_deep(form: str) -> None:
    policy = AnswerPolicy(max_bytes=1_048_576)
    assert refused(form, nested_json(10_000), policy).reason is BadAnswerReason.TOO_DEEP
    assert refused(form, b"[" * 10_000).reason is BadAnswerReason.TOO_DEEP


def test_verbs_inside_verbs_are_counted_in_json_as_well() -> None:
    steps: object = []
    for _ in range(17):
        steps = [{"do": {"expression": "1", "steps": steps}}]
    error = refused("switchhook", orjson.dumps({"steps": steps}))
    assert error.reason is BadAnswerReason.TOO_DEEP
    assert error.detail.endswith(".do.steps[0]: more than 16 levels deep")


@pytest.mark.parametrize(
    ("form", "data"),
    [
        ("kazoo", {"module": "menu", "data": {}}),
        ("voipbin", [{"type": "email_send", "option": {}}]),
        ("switchhook", {"steps": [{"native": {"form": "kazoo", "name": "menu", "data": {}}}]}),
    ],
)
def test_a_native_member_cannot_be_nested_deeply(form: str, data: object) -> None:
    deep = b"[" * 40 + b"]" * 40
    content = orjson.dumps(data).replace(b"{}", b'{"a":' + deep + b"}")
    assert refused(form, content).reason is BadAnswerReason.TOO_DEEP


def _hundred_and_one(form: str) -> bytes:
    if form in XML_FORMS:
        return b"<Response>" + b"<Pause/>" * 101 + b"</Response>"
    if form == "voipbin":
        return orjson.dumps([{"type": "answer"}] * 101)
    if form == "switchhook":
        return orjson.dumps({"steps": [{"pause": {}}] * 101})
    return b'{"module":"sleep","data":{},"children":{"_":' * 101 + b"null" + b"}}" * 101


@pytest.mark.parametrize("form", FORMS)
def test_more_than_a_hundred_verbs_are_too_many(form: str) -> None:
    error = refused(form, _hundred_and_one(form))
    assert error.reason is BadAnswerReason.TOO_MANY_VERBS
    assert "more than 100 verbs" in error.detail
    assert len(FORMS[form].parse(_fewer(form)).steps) == 100


def _fewer(form: str) -> bytes:
    content = _hundred_and_one(form)
    if form in XML_FORMS:
        return content.replace(b"<Pause/>", b"", 1)
    if form == "kazoo":
        return b'{"module":"sleep","data":{},"children":{"_":' * 100 + b"null" + b"}}" * 100
    value = orjson.loads(content)
    (value if form == "voipbin" else value["steps"]).pop()
    return orjson.dumps(value)


@pytest.mark.parametrize("form", JSON_FORMS)
@pytest.mark.parametrize(
    "content",
    [
        b"{", b"[1,]", b"{'a':1}", b"hello", b"<Response/>", b"[] []", b'{"a":01}', b'["\\ud800"]',
        b'["\x01"]', b"[NaN]", b"[Infinity]", b"[-Infinity]", b"[1e400]", b"[" + b"9" * 5000 + b"]",
    ],
)  # fmt: skip
def test_broken_json_is_malformed(form: str, content: bytes) -> None:
    assert refused(form, content).reason is BadAnswerReason.MALFORMED


@pytest.mark.parametrize("form", JSON_FORMS)
def test_a_name_that_occurs_twice_is_malformed(form: str) -> None:
    content = b'{"module":"tts","data":{"text":"a","text":"b"},"steps":[],"type":"talk"}'
    error = refused(form, b"[" + content + b"]" if form == "voipbin" else content)
    assert str(error) == "malformed: the name 'text' occurs twice"


@pytest.mark.parametrize("content", [b"null", b"true", b"1", b'"text"', b"[]", b"{}", b'{"a":1}'])
@pytest.mark.parametrize("form", JSON_FORMS)
def test_json_of_another_type_at_the_top_is_the_wrong_type(form: str, content: bytes) -> None:
    if form == "voipbin" and content == b"[]":
        assert FORMS[form].parse(content).steps == ()
    else:
        assert refused(form, content).reason is BadAnswerReason.WRONG_TYPE


def test_a_root_other_than_response_is_the_wrong_type() -> None:
    assert str(refused("voxml", b"<html/>")) == "wrong_type: html: the root must be Response"


@pytest.mark.parametrize(
    "content_type", ["text/html", "text/plain; charset=utf-8", "application/pdf", "x", "image/png"]
)
@pytest.mark.parametrize("source", ["", *FORMS])
def test_another_content_type_is_the_wrong_type(content_type: str, source: str) -> None:
    with pytest.raises(BadAnswer) as caught:
        translate(b"<Response/>", content_type, "kazoo", source=source)
    assert caught.value.reason is BadAnswerReason.WRONG_TYPE
    assert "application/json, application/xml" in caught.value.detail


def test_a_content_type_of_the_other_syntax_is_the_wrong_type() -> None:
    with pytest.raises(BadAnswer, match="wrong_type"):
        translate(b"<Response/>", "application/xml", "kazoo", source="switchhook")


def test_a_number_beyond_64_bits_cannot_hide_in_a_native_member() -> None:
    content = b'{"module":"menu","data":{"id":' + b"9" * 30 + b"}}"
    assert str(refused("kazoo", content)) == "malformed: a number does not fit into 64 bits"


def test_a_flood_of_members_or_attributes_is_refused() -> None:
    attributes = b" ".join(b'a%d="1"' % number for number in range(65))
    assert (
        "more than 64 attributes"
        in refused("voxml", b"<Response><Say " + attributes + b">a</Say></Response>").detail
    )
    members = {"text": "a", **{f"a{number}": 1 for number in range(65)}}
    content = orjson.dumps({"module": "tts", "data": members})
    assert "more than 64 unknown members" in refused("kazoo", content).detail
    assert "more than 2500 objects" in refused("kazoo", b"[" + b"{}," * 2500 + b"{}]").detail


def test_redirects_for_unreachable_documents_are_levels() -> None:
    pivot = b'{"module":"pivot","data":{"voice_url":"https://a.example.com/"},"children":{"_":'
    error = refused("kazoo", pivot * 20 + b"null" + b"}}" * 20)
    assert error.reason is BadAnswerReason.TOO_DEEP
    fetch = {"type": "fetch", "option": {"event_url": "https://a.example.com/"}}
    assert refused("voipbin", orjson.dumps([fetch] * 20)).reason is BadAnswerReason.TOO_DEEP
