"""Writer of Kazoo's callflow nodes."""

from collections.abc import Iterable, Iterator
from typing import Any, assert_never

import orjson

from service.answers import document as d
from service.answers.kazoo.modules import MODULES
from service.answers.kazoo.names import (
    MAX_TEXT,
    NAME,
    NEXT,
    REASONS,
    RECORDED_S,
    UNLIMITED_DIGITS,
    VOICES,
)
from service.answers.values import KEYS, Input, Method
from service.answers.written import (
    Notes,
    Written,
    bounded,
    extras_of,
    reachable,
    repeats,
    written,
)

Node = dict[str, Any]


def write(document: d.Document) -> Written:
    """Return a document as a callflow. Raises BadAnswer for a step that Kazoo cannot run.

    A document without steps hangs up: Kazoo refuses an empty object.
    """
    notes = Notes(NAME)
    flow = _flow(document.steps, "", notes)
    return written(document, flow or orjson.dumps(_node("hangup", {})), notes)


def _flow(steps: Iterable[d.Step], parent: str, notes: Notes) -> bytes:
    """Return the JSON of the first node, each node holding the next; empty without steps.

    It is put together from its end: orjson writes no more than 254 levels at once.
    """
    nodes = bounded(_nodes(steps, parent, notes), parent)
    text = b""
    for node in reversed(nodes):
        if text:
            node["children"][NEXT] = orjson.Fragment(text)
        text = orjson.dumps(node)
    return text


def _nodes(steps: Iterable[d.Step], parent: str, notes: Notes) -> Iterator[Node]:
    dialled = False
    for position, step in reachable(steps, notes, parent):
        if dialled:
            notes.drop(position, "runs in kazoo only if the call before it is not connected")
        dialled = isinstance(step, d.Dial)
        yield from _of_step(step, position, notes)


def _of_step(  # noqa: C901 - one case per verb; mypy finds a forgotten one
    step: d.Step, position: str, notes: Notes
) -> Iterator[Node]:
    match step:
        case d.Native():
            yield _native(step, position, notes)
        case d.Answer() | d.Hangup():
            notes.drop_all_but(step, position, ())
            yield _node(type(step).__name__.lower(), _extra(step))
        case d.Say() | d.Play():
            yield from _heard(step, position, notes)
        case d.Pause():
            notes.drop_all_but(step, position, ["duration_ms"])
            yield _node("sleep", {**_extra(step), **_duration(step.duration_ms)})
        case d.Gather():
            yield from _gather(step, position, notes)
        case d.Dial():
            yield from _dial(step, position, notes)
        case d.Record():
            yield from _record(step, position, notes)
        case d.Redirect():
            notes.drop_all_but(step, position, ["url", "method"])
            yield _pivot(step.url, step.method, _extra(step))
            yield from _nodes(step.otherwise, position, notes)
        case d.Reject():
            notes.drop_all_but(step, position, ["reason"])
            yield _node("response", {"code": REASONS[step.reason], **_extra(step)})
        case d.Set():
            notes.drop_all_but(step, position, ["output", "value"])
            variables = {step.output: step.value}
            yield _node("set_variables", {**_extra(step), "custom_application_vars": variables})
        case d.Connect() | d.Do() | d.If() | d.Pay() | d.Unset():
            raise notes.unsupported(position, "kazoo has no such verb")
        case _:
            assert_never(step)


def _node(module: str, data: dict[str, Any]) -> Node:
    return {"module": module, "data": data, "children": {}}


def _extra(step: d.Step) -> dict[str, Any]:
    return {one.name: orjson.loads(one.value) for one in extras_of(step, NAME)}


def _native(step: d.Native, position: str, notes: Notes) -> Node:
    if step.form != NAME or step.name not in MODULES:
        raise notes.unsupported(position, f"{step.name} of {step.form} is no callflow module")
    node = _node(step.name, orjson.loads(step.data))
    for branch in step.branches:
        inner = _flow(branch.steps, f"{position}/{branch.key}", notes)
        if inner:
            node["children"][branch.key] = orjson.Fragment(inner)
    return node


def _heard(step: d.Say | d.Play, position: str, notes: Notes) -> Iterator[Node]:
    if isinstance(step, d.Say):
        notes.drop_all_but(step, position, ["text", "voice", "language", "loop"])
        if len(step.text) > MAX_TEXT:
            raise notes.unsupported(position, f"a text has at most {MAX_TEXT} characters in kazoo")
        if step.voice and step.voice not in VOICES:
            notes.drop(f"{position}/@voice", "kazoo's engines share only man and woman")
        voice = VOICES.get(step.voice, "")
        said = {"text": step.text, "voice": voice, "language": step.language}
        module, data = "tts", {name: value for name, value in said.items() if value}
    else:
        notes.drop_all_but(step, position, ["url", "digits", "loop"])
        data = {"digits": step.digits} if step.digits else {"id": step.url}
        module = "send_dtmf" if step.digits else "play"
    for _ in range(repeats(step, position, notes)):
        yield _node(module, {**_extra(step), **data})


def _duration(duration_ms: int) -> dict[str, Any]:
    if duration_ms % 1000:
        return {"duration": duration_ms, "unit": "ms"}
    return {"duration": duration_ms // 1000, "unit": "s"}


def _pivot(url: str, method: Method, extra: dict[str, Any]) -> Node:
    return _node("pivot", {**extra, "voice_url": url, "method": method.lower()})


def _asking(step: d.Gather | d.Dial | d.Record) -> Iterator[Node]:
    if step.action is not None:
        yield _pivot(step.action, step.method, {})


def _gather(step: d.Gather, position: str, notes: Notes) -> Iterator[Node]:
    if step.input is Input.SPEECH:
        raise notes.unsupported(f"{position}/@input", "kazoo does not recognise speech")
    yield from _nodes(step.prompts, position, notes)
    said = ["action", "method", "timeout_ms", "finish_on_key", "num_digits", "output"]
    notes.drop_all_but(step, position, [*said, "action_on_empty_result"])
    if not step.finish_on_key:
        notes.drop(f"{position}/@finish_on_key", "kazoo always has a key that ends the input: #")
    if not step.timeout_ms:
        notes.drop(f"{position}/@timeout_ms", "kazoo waits for 1 ms at least")
    data: dict[str, Any] = {
        **_extra(step),
        "max_digits": step.num_digits or UNLIMITED_DIGITS,
        "timeout": step.timeout_ms or 1,
    }
    keys = list(dict.fromkeys(step.finish_on_key))
    if keys and keys != ["#"]:
        data |= {"terminator": keys[0]} if len(keys) == 1 else {"terminators": keys}
    if step.output:
        data["collection_name"] = step.output
    yield _node("collect_dtmf", data)
    yield from _asking(step)


def _dial(step: d.Dial, position: str, notes: Notes) -> Iterator[Node]:
    if len(step.numbers) > 1:
        raise notes.unsupported(position, "kazoo's resources dial one number")
    (number,) = step.numbers
    notes.drop_all_but(number, f"{position}/Number[1]", ["number"])
    notes.drop_all_but(step, position, ["action", "method", "timeout_s"])
    if step.action is not None:
        notes.drop(f"{position}/@action", "kazoo asks it only if the call is not connected")
    data = {"timeout": step.timeout_s, **_extra(step), "to_did": number.number}
    if data["timeout"] is None:
        del data["timeout"]
    yield _node("resources", data)
    yield from _asking(step)


def _record(step: d.Record, position: str, notes: Notes) -> Iterator[Node]:
    said = ["action", "method", "max_length_s", "finish_on_key", "play_beep"]
    notes.drop_all_but(step, position, said)
    if set(step.finish_on_key) != set(KEYS):
        notes.drop(f"{position}/@finish_on_key", "any key ends a recording of kazoo")
    if step.play_beep:
        notes.drop(f"{position}/@play_beep", "kazoo plays no tone before a recording")
    length = max(RECORDED_S.start, min(RECORDED_S.stop - 1, step.max_length_s))
    if length != step.max_length_s:
        notes.drop(f"{position}/@max_length_s", f"kazoo records for 5 to 3600 s: {length}")
    yield _node("record_caller", {**_extra(step), "time_limit": length})
    yield from _asking(step)
