"""TwiML, as the pivot app of Kazoo reads it.

Facts are those of `kzt_twiml.erl`, `kzt_twiml_dial.erl` and `kzt_twiml_util.erl` of Kazoo: an
unknown verb, language or voice ends the document there, as does a number outside of its limits.
Attributes that Kazoo's pivot does not read are accepted, written, and named.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final
from xml.sax.saxutils import quoteattr

from service.answers import document as d
from service.answers.errors import BadAnswer, BadAnswerReason
from service.answers.fields import fields_of, from_text
from service.answers.policy import DEFAULT_POLICY, AnswerPolicy
from service.answers.values import MAX_TIMEOUT_S, Input, Recording
from service.answers.written import Notes, Written
from service.answers.xml.reader import Element, read_xml
from service.answers.xml.verbs import ENTITIES, Verb, XmlForm

NAME: Final = "twiml"

LANGUAGES = {
    "en-US": "en", "en-GB": "en-gb", "es-ES": "es", "fr-FR": "fr", "de-DE": "de", "it-IT": "it",
}  # fmt: skip
"""The languages that Kazoo's pivot reads, by their BCP 47 tags."""
VOICES = ("", "man", "woman", "male", "female")
RECORDINGS = {Recording.NONE: "false", Recording.FROM_ANSWER: "true"}
MAX_RECORDED_S = 3600
OWN_URL = {"action": ""}
"""Without an `action`, the verb asks the document's own URL again."""
ABSENT = frozenset({"history", "output"})

VERBS = {
    "Dial": Verb(
        d.Dial, text_as="Number", nested={"numbers": ("Number",)}, without=ABSENT,
        spellings={"record": {str(one): text for one, text in RECORDINGS.items()}},
    ),
    "Gather": Verb(
        d.Gather, nested={"prompts": ("Say", "Play", "Pause")}, absent=OWN_URL, without=ABSENT,
    ),
    "Hangup": Verb(d.Hangup, without=ABSENT),
    "Pause": Verb(d.Pause, names={"duration_ms": "length"}, without=ABSENT),
    "Play": Verb(d.Play, text="url", without=ABSENT),
    "Record": Verb(d.Record, absent=OWN_URL, without=ABSENT),
    "Redirect": Verb(d.Redirect, text="url", without=ABSENT),
    "Reject": Verb(d.Reject, without=ABSENT),
    "Say": Verb(d.Say, text="text", spellings={"language": LANGUAGES}, without=ABSENT),
    "Set": Verb(d.Set),
}  # fmt: skip
PARTS = {"Number": Verb(d.Number, text="number")}

READ_BY_PIVOT = {
    d.Dial: ("numbers", "action", "method", "caller_id", "hangup_on_star", "timeout_s",
             "time_limit_s", "record"),
    d.Gather: ("action", "method", "timeout_ms", "finish_on_key", "num_digits", "prompts"),
    d.Number: ("number",),
    d.Play: ("url", "loop"),
    d.Record: ("action", "method", "timeout_s", "finish_on_key", "max_length_s", "play_beep"),
}  # fmt: skip
"""Attributes that Kazoo's pivot reads, of verbs of which it does not read all."""


def parse(content: bytes, policy: AnswerPolicy = DEFAULT_POLICY, charset: str = "") -> d.Document:
    """Return the document of an answer. Raises BadAnswer."""
    return FORM.read(read_xml(content, charset, policy))


def write(document: d.Document) -> Written:
    """Return a document as TwiML. Raises BadAnswer for a verb that Kazoo's pivot lacks."""
    return FORM.write(document)


def _variables(element: Element) -> Sequence[d.Step]:
    """Return the steps of a `Set`, one per `Variable`."""
    name = fields_of(d.Set)["output"]
    found = []
    for child in element.children:
        if child.name != "Variable":
            detail = f"{child.path}: unknown verb; allowed here: Variable"
            raise BadAnswer(BadAnswerReason.UNKNOWN_VERB, detail)
        try:
            output = from_text(name, child.attributes.get("key", ""))
        except ValueError as error:
            detail = f"{child.path}/@key: {error}"
            raise BadAnswer(BadAnswerReason.BAD_ATTRIBUTE, detail) from None
        found.append(d.Set(output, child.attributes.get("value", "")))
    return found


def _written_as(step: d.Step, position: str, notes: Notes) -> str | None:
    match step:
        case d.Set():
            notes.drop_all_but(step, position, ["output", "value"])
            key, value = quoteattr(step.output), quoteattr(step.value, ENTITIES)
            return f"<Set><Variable key={key} value={value}/></Set>"
        case d.Pause(duration_ms=0):
            notes.drop(position, "Kazoo's pivot has no pause of 0 s")
            return ""
        case d.Answer():
            notes.drop(position, "twiml has no such verb; the next one answers")
            return ""
    return None


def _fitted(step: d.Step, position: str, notes: Notes) -> d.Step:
    read = READ_BY_PIVOT.get(type(step))
    if read is not None:
        for name, one in fields_of(type(step)).items():
            if name not in (*read, *ABSENT) and getattr(step, name) != one.default:
                notes.drop(f"{position}/@{name}", "written, but Kazoo's pivot does not read it")
    match step:
        case d.Say():
            return _say(step, position, notes)
        case d.Gather():
            return _gather(step, position, notes)
        case d.Dial():
            return _dial(step, position, notes)
        case d.Record():
            return _record(step, position, notes)
        case d.Play() if step.digits:
            raise notes.unsupported(position, "Kazoo's pivot sends no tones")
    return step


def _gather(step: d.Gather, position: str, notes: Notes) -> d.Gather:
    if step.input is Input.SPEECH:
        raise notes.unsupported(f"{position}/@input", "Kazoo's pivot does not recognise speech")
    if len(step.finish_on_key) > 1:
        notes.drop(f"{position}/@finish_on_key", "only the first key ends the input")
        step = replace(step, finish_on_key=step.finish_on_key[0])
    if not step.timeout_ms:
        notes.drop(f"{position}/@timeout_ms", "Kazoo's pivot waits for 1 s at least")
        step = replace(step, timeout_ms=1000)
    return step


def _dial(step: d.Dial, position: str, notes: Notes) -> d.Dial:
    if step.record not in RECORDINGS:
        notes.drop(f"{position}/@record", "recorded from the answer on, in one channel")
        step = replace(step, record=Recording.FROM_ANSWER)
    if step.hangup_on_star and step.record is Recording.NONE:
        notes.drop(f"{position}/@hangup_on_star", "Kazoo's pivot only has it for recorded calls")
        step = replace(step, hangup_on_star=False)
    if not step.timeout_s:
        notes.drop(f"{position}/@timeout_s", "Kazoo's pivot waits for 1 s at least")
        step = replace(step, timeout_s=1)
    return step


def _record(step: d.Record, position: str, notes: Notes) -> d.Record:
    if not step.timeout_s:
        notes.drop(f"{position}/@timeout_s", f"silence ends the recording after {MAX_TIMEOUT_S} s")
        step = replace(step, timeout_s=MAX_TIMEOUT_S)
    if step.max_length_s > MAX_RECORDED_S:
        notes.drop(f"{position}/@max_length_s", f"Kazoo's pivot records {MAX_RECORDED_S} s at most")
        step = replace(step, max_length_s=MAX_RECORDED_S)
    return step


def _say(step: d.Say, position: str, notes: Notes) -> d.Say:
    if step.language and step.language not in LANGUAGES:
        notes.drop(f"{position}/@language", f"Kazoo's pivot only knows {', '.join(LANGUAGES)}")
        step = replace(step, language="")
    if step.voice not in VOICES:
        notes.drop(f"{position}/@voice", "Kazoo's pivot only knows man and woman")
        step = replace(step, voice="")
    return step


FORM = XmlForm(NAME, VERBS, PARTS, {"Set": _variables}, _written_as, _fitted)
