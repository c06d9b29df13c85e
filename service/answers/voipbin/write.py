"""Writer of VoIPBIN's actions."""

from collections.abc import Iterable, Iterator
from typing import Any, assert_never
from uuid import UUID, uuid5

import orjson

from service.answers import document as d
from service.answers.values import Input
from service.answers.voipbin.names import (
    BEEP,
    DIGITS_KEPT,
    DIGITS_QUERY,
    NAME,
    NEXT_ON_DIGIT,
    REASONS,
    RESET_STEP,
    TEL,
    TYPES,
    jumps,
    recording_option,
)
from service.answers.written import (
    Notes,
    Written,
    bounded,
    extras_of,
    positioned,
    reachable,
    repeats,
    written,
)

Action = dict[str, Any]

NAMESPACE = UUID("c9d1a1f0-6a5c-4f0e-9a2b-5d8f3e7b1c44")
DEFAULT_LANGUAGE = "en-US"
TONE_MS = 100


def write(document: d.Document) -> Written:
    """Return a document as actions. Raises BadAnswer for a step that VoIPBIN cannot run.

    Each action has an id, as VoIPBIN takes an action without one for the end of the call. The ids
    follow from the content: the same document has the same ids. Actions with jumps keep theirs.
    """
    notes = Notes(NAME)
    actions = bounded(_actions(document.steps, "", notes), "")
    if not any(jumps(action) for action in actions):
        whole = uuid5(NAMESPACE, orjson.dumps(actions, option=orjson.OPT_SORT_KEYS).decode())
        actions = [
            {"id": str(uuid5(whole, str(number))), **action}
            for number, action in enumerate(actions)
        ]
    return written(document, orjson.dumps(actions), notes)


def _actions(steps: Iterable[d.Step], parent: str, notes: Notes) -> Iterator[Action]:
    for position, step in reachable(steps, notes, parent):
        yield from _of_step(step, position, notes)


def _of_step(  # noqa: C901, PLR0912 - one case per verb; mypy finds a forgotten one
    step: d.Step, position: str, notes: Notes
) -> Iterator[Action]:
    match step:
        case d.Native():
            yield _native(step, position, notes)
        case d.Answer():
            notes.drop_all_but(step, position, ())
            yield _action("answer", _extra(step))
        case d.Say():
            yield from _say(step, position, notes)
        case d.Play():
            yield from _play(step, position, notes)
        case d.Pause():
            notes.drop_all_but(step, position, ["duration_ms"])
            yield _action("sleep", {**_extra(step), "duration": step.duration_ms})
        case d.Gather():
            yield from _gather(step, position, notes)
        case d.Dial():
            yield from _dial(step, position, notes)
        case d.Record():
            yield from _record(step, position, notes)
        case d.Redirect():
            notes.drop_all_but(step, position, ["url", "method"])
            yield _fetch(step.url, step.method, _extra(step))
            yield from _actions(step.otherwise, position, notes)
        case d.Reject():
            notes.drop_all_but(step, position, ["reason"])
            yield _action("hangup", {**_extra(step), "reason": REASONS[step.reason]})
        case d.Hangup():
            notes.drop_all_but(step, position, ())
            yield _action("hangup", _extra(step))
        case d.Set():
            notes.drop_all_but(step, position, ["output", "value"])
            yield _set(step)
        case d.Connect() | d.Do() | d.If() | d.Pay() | d.Unset():
            raise notes.unsupported(position, "voipbin has no such verb")
        case _:
            assert_never(step)


def _action(kind: str, option: dict[str, Any]) -> Action:
    return {"type": kind, "option": option}


def _extra(step: d.Step) -> dict[str, Any]:
    return {
        one.name: orjson.loads(one.value) for one in extras_of(step, NAME) if one != DIGITS_KEPT
    }


def _option(step: d.Step, defaults: dict[str, Any], said: dict[str, Any]) -> dict[str, Any]:
    """Return an option: what the step says, then its extras, then defaults; null is left out."""
    option = {**defaults, **_extra(step), **said}
    return {name: value for name, value in option.items() if value is not None}


def _native(step: d.Native, position: str, notes: Notes) -> Action:
    if step.form != NAME or step.name not in TYPES or step.branches:
        raise notes.unsupported(position, f"{step.name} of {step.form} is no type of action")
    whole = orjson.loads(step.data)
    return {**whole, "type": step.name} if isinstance(whole, dict) else _action(step.name, {})


def _set(step: d.Set) -> Action:
    return _action("variable_set", {**_extra(step), "key": step.output, "value": step.value})


def _say(step: d.Say, position: str, notes: Notes, *, stops: bool = False) -> Iterator[Action]:
    notes.drop_all_but(step, position, ["text", "language", "loop"])
    defaults = {"language": DEFAULT_LANGUAGE} | ({NEXT_ON_DIGIT.name: "next"} if stops else {})
    said = {"text": step.text} | ({"language": step.language} if step.language else {})
    option = _option(step, defaults, said)
    for _ in range(repeats(step, position, notes)):
        yield _action("talk", option)


def _play(step: d.Play, position: str, notes: Notes) -> Iterator[Action]:
    notes.drop_all_but(step, position, ["url", "digits", "loop"])
    times = repeats(step, position, notes)
    if step.digits:
        option = _option(step, {"duration": TONE_MS}, {"digits": step.digits})
        yield from (_action("digits_send", option) for _ in range(times))
    else:
        yield _action("play", {**_extra(step), "stream_urls": [step.url] * times})


def _fetch(url: str, method: str, extra: dict[str, Any]) -> Action:
    return _action("fetch", {**extra, "event_url": url, "event_method": str(method)})


def _gather(step: d.Gather, position: str, notes: Notes) -> Iterator[Action]:
    if step.input is Input.SPEECH:
        raise notes.unsupported(f"{position}/@input", "voipbin does not recognise speech")
    said = ["action", "method", "timeout_ms", "finish_on_key", "num_digits"]
    notes.drop_all_but(step, position, [*said, "action_on_empty_result"])
    if DIGITS_KEPT not in step.extras:
        yield _set(RESET_STEP)
    for inner, prompt in positioned(step.prompts, position):
        if isinstance(prompt, d.Say):
            yield from _say(prompt, inner, notes, stops=True)
        else:
            notes.drop(inner, "keys do not stop it in voipbin")
            yield from _of_step(prompt, inner, notes)
    option = {**_extra(step), "duration": step.timeout_ms, "key": step.finish_on_key}
    if step.num_digits is not None:
        option["length"] = step.num_digits
    yield _action("digits_receive", option)
    if step.action is not None:
        url = step.action.partition("#")[0]
        mark = "&" if "?" in url else "?"
        yield _fetch(f"{url}{mark}{DIGITS_QUERY}", step.method, {})


def _dial(step: d.Dial, position: str, notes: Notes) -> Iterator[Action]:
    notes.drop_all_but(
        step, position, ["numbers", "action", "method", "caller_id", "answer_on_bridge"]
    )
    for inner, number in (
        (f"{position}/Number[{n}]", one) for n, one in enumerate(step.numbers, 1)
    ):
        notes.drop_all_but(number, inner, ["number"])
    option = _extra(step)
    option["destinations"] = [{"type": TEL, "target": one.number} for one in step.numbers]
    if step.caller_id:
        option["source"] = {"type": TEL, "target": step.caller_id}
    yield _action("connect", option)
    if step.action is not None:
        yield _fetch(step.action, step.method, {})


def _record(step: d.Record, position: str, notes: Notes) -> Iterator[Action]:
    """Yield a recording and an input that waits for its end, as voipbin goes on at once."""
    said = ["action", "method", "timeout_s", "finish_on_key", "max_length_s", "play_beep"]
    notes.drop_all_but(step, position, said)
    if step.timeout_s:
        notes.drop(f"{position}/@timeout_s", "silence ends the recording, not the wait")
    yield _set(RESET_STEP)
    if step.play_beep:
        yield _action(BEEP, {})
    yield _action("recording_start", recording_option(step))
    waited = {"duration": step.max_length_s * 1000, "key": step.finish_on_key}
    yield _action("digits_receive", waited)
    yield _action("recording_stop", {})
    if step.action is not None:
        yield _fetch(step.action, step.method, {})
