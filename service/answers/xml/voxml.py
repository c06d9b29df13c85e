"""VoxML (also written VoxXML): the XML of Voxtelesys, with all its verbs.

Verbs, attributes, values and defaults are those of the vendor's pages and of its SDK. Limits that
neither gives are ours; the README beside this file lists them.
"""

from typing import Final

from service.answers import document as d
from service.answers.policy import DEFAULT_POLICY, AnswerPolicy
from service.answers.written import Written
from service.answers.xml.reader import read_xml
from service.answers.xml.verbs import Verb, XmlForm

NAME: Final = "voxml"

PROMPTS = ("Say", "Play", "Pause")
STEPS = (
    "Answer", "Connect", "Dial", "Do", "Gather", "Hangup", "If", "Pause", "Pay", "Play", "Record",
    "Redirect", "Reject", "Say", "Set", "Unset",
)  # fmt: skip

VERBS = {
    "Answer": Verb(d.Answer),
    "Connect": Verb(d.Connect, nested={"flows": ("Flow",)}),
    "Dial": Verb(d.Dial, text_as="Number", nested={"numbers": ("Number",)}),
    "Do": Verb(d.Do, nested={"steps": STEPS}),
    "Gather": Verb(d.Gather, nested={"prompts": PROMPTS}),
    "Hangup": Verb(d.Hangup),
    "If": Verb(d.If, nested={"steps": STEPS}),
    "Pause": Verb(d.Pause, names={"duration_ms": "length"}),
    "Pay": Verb(d.Pay, nested={"prompts": ("Prompt",), "parameters": ("Parameter",)}),
    "Play": Verb(d.Play, text="url"),
    "Record": Verb(d.Record),
    "Redirect": Verb(d.Redirect, text="url"),
    "Reject": Verb(d.Reject),
    "Say": Verb(d.Say, text="text"),
    "Set": Verb(d.Set, text="value"),
    "Unset": Verb(d.Unset),
}
PARTS = {
    "Flow": Verb(d.Flow, text="flow_id"),
    "Number": Verb(d.Number, text="number"),
    "Prompt": Verb(d.PayPrompt, names={"stage": "for"}, nested={"prompts": ("Say", "Play")}),
    "Parameter": Verb(d.PayParameter),
}
FORM = XmlForm(NAME, VERBS, PARTS)


def parse(content: bytes, policy: AnswerPolicy = DEFAULT_POLICY, charset: str = "") -> d.Document:
    """Return the document of an answer. Raises BadAnswer.

    An unknown attribute is no error: `Document.ignored` names it.
    """
    return FORM.read(read_xml(content, charset, policy))


def write(document: d.Document) -> Written:
    """Return a document as VoxML. Raises BadAnswer for a native step of another form."""
    return FORM.write(document)
