"""VoIPBIN's form: an array of actions `{id, type, option}`, as its `fetch` action expects it.

Actions without a neutral step are kept as `Native`; so is every action of an array with jumps,
as ids then matter more than order. Options that only VoIPBIN has are kept as extras. Facts are
those of `bin-flow-manager/models/action` and of the call-manager's `action.go` and `digit.go`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import orjson

from service.answers import document as d
from service.answers.asked import is_action, redirected
from service.answers.errors import BadAnswer, BadAnswerReason
from service.answers.json_reader import read_json
from service.answers.members import Budget, Members, bad_attribute, json_text, sound
from service.answers.policy import DEFAULT_POLICY, AnswerPolicy
from service.answers.values import Method
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


class Action(NamedTuple):
    """Action of an array, as it was read."""

    kind: str
    option: dict[str, Any]
    position: str
    whole: dict[str, Any]


def parse(content: bytes, policy: AnswerPolicy = DEFAULT_POLICY, charset: str = "") -> d.Document:
    """Return the document of an answer. Raises BadAnswer.

    An empty array is a document without steps: the flow that asked goes on.
    """
    value = read_json(content, charset, policy)
    if not isinstance(value, list):
        detail = f"the answer must be an array of actions, not {type(value).__name__}"
        raise BadAnswer(BadAnswerReason.WRONG_TYPE, detail)
    budget, ignored = Budget(policy), list[str]()
    actions = [
        _action(one, f"actions[{number}]", budget, ignored) for number, one in enumerate(value)
    ]
    if any(jumps(action.whole) for action in actions):
        whole = (d.Native(NAME, action.kind, json_text(action.whole)) for action in actions)
        return d.Document(tuple(whole), tuple(ignored))
    return d.Document(_folded(actions, budget, 1), tuple(ignored))


def _action(value: Any, position: str, budget: Budget, ignored: list[str]) -> Action:
    budget.spend(position, 1)
    budget.check_depth(position, value)
    members = Members(value, position)
    kind = members.text("type")
    if kind not in TYPES:
        detail = f"{position}: {kind[:64]!r} is no type of action"
        raise BadAnswer(BadAnswerReason.UNKNOWN_VERB, detail)
    option = members.take("option") or {}
    if not isinstance(option, dict):
        raise bad_attribute(f"{position}.option", "must be an object")
    for key in ("id", "next_id", "tm_execute"):
        members.take(key)
    ignored += members.unknown()
    return Action(kind, option, f"{position}.option", value)


def _native(action: Action) -> d.Native:
    """Return an action as it is, without its id, which no other action refers to."""
    kept = {"type": action.kind, "option": action.option}
    return d.Native(NAME, action.kind, json_text(kept))


def _folded(actions: Sequence[Action], budget: Budget, depth: int) -> tuple[d.Step, ...]:
    """Return the steps of actions; several actions may make one step."""
    found: list[d.Step] = []
    for number, action in enumerate(actions):
        budget.check_level(action.position, depth)
        steps = sound(_neutral(action) or (_native(action),), action.position)
        match steps[0]:
            case d.Redirect() as redirect:
                inner = depth if is_action(found, redirect) else depth + 1
                rest = _folded(actions[number + 1 :], budget, inner)
                return redirected(found, _plain(found, redirect), rest)
            case d.Gather() as gather:
                _gathered(found, gather)
            case d.Native(name="recording_stop") as stop:
                _recorded(found, stop)
            case _:
                found.extend(steps)
    return tuple(found)


def _plain(before: Sequence[d.Step], redirect: d.Redirect) -> d.Redirect:
    """Return the fetch after an input without the query that brings the digits."""
    url = redirect.url
    if not isinstance(before[-1] if before else None, d.Gather) or not url.endswith(DIGITS_QUERY):
        return redirect
    return replace(redirect, url=url.removesuffix(DIGITS_QUERY)[:-1])


def _gathered(before: list[d.Step], gather: d.Gather) -> None:
    """Append an input with its prompts: all since the reset, or since a talk that keys stop."""
    start = len(before)
    while start and isinstance(before[start - 1], d.Say | d.Play | d.Pause):
        start -= 1
    if start and before[start - 1] == RESET_STEP:
        prompts = before[start:]
        del before[start - 1 :]
    else:
        while start < len(before) and NEXT_ON_DIGIT not in getattr(before[start], "extras", ()):
            start += 1
        prompts = before[start:]
        del before[start:]
        gather = replace(gather, extras=(*gather.extras, DIGITS_KEPT))
    plain = [
        replace(one, extras=tuple(extra for extra in one.extras if extra != NEXT_ON_DIGIT))
        for one in prompts
        if isinstance(one, d.Say | d.Play | d.Pause)
    ]
    before.append(replace(gather, prompts=tuple(plain)))


def _recorded(before: list[d.Step], stop: d.Native) -> None:
    """Append the end of a recording; with what the writer puts before it, it is a `Record`."""
    match before:
        case [*_, d.Native(name="recording_start") as start, d.Gather() as wait]:
            beep = len(before) > 2 and _is_beep(before[-3])
            first = len(before) - (4 if beep else 3)
            step = _record(start, wait, play_beep=beep)
            if step is not None and first >= 0 and before[first] == RESET_STEP:
                before[first:] = [step]
                return
    before.append(stop)


def _is_beep(step: d.Step) -> bool:
    return isinstance(step, d.Native) and step.name == BEEP


def _record(start: d.Native, wait: d.Gather, *, play_beep: bool) -> d.Record | None:
    option = orjson.loads(start.data).get("option", {})
    seconds, left = divmod(wait.timeout_ms, 1000)
    silence = option.get("end_of_silence")
    if left or seconds != option.get("duration") or type(silence) is not int:
        return None
    step = d.Record(None, Method.POST, silence, wait.finish_on_key, seconds, play_beep)
    is_plain = wait == d.Gather(
        timeout_ms=wait.timeout_ms, finish_on_key=wait.finish_on_key, extras=(DIGITS_KEPT,)
    )
    return step if is_plain and option == recording_option(step) else None


def _neutral(action: Action) -> tuple[d.Step, ...] | None:
    """Return the neutral steps of an action, or None if it has none."""
    read = READERS.get(action.kind)
    return None if read is None else read(Members(action.option, action.position))


def _answer(option: Members) -> tuple[d.Step, ...]:
    return (d.Answer(extras=option.extras(NAME)),)


def _say(option: Members) -> tuple[d.Step, ...]:
    names = {"text": "text", "language": "language"}
    # Without a language, VoIPBIN has its own: writing ours instead would change the voice.
    unset = option.unset(NAME, "language")
    said = option.attributes(d.Say, names)
    return (d.Say(**said, extras=(*unset, *option.extras(NAME))),)


def _tones(option: Members) -> tuple[d.Step, ...]:
    unset = option.unset(NAME, "duration")
    digits = option.attribute(d.Play, "digits", "digits")
    return (d.Play(digits=digits, extras=(*unset, *option.extras(NAME))),)


def _pause(option: Members) -> tuple[d.Step, ...]:
    duration = option.attribute(d.Pause, "duration_ms", "duration", default=0)
    return (d.Pause(duration, extras=option.extras(NAME)),)


def _fetch(option: Members) -> tuple[d.Step, ...]:
    url = option.attribute(d.Redirect, "url", "event_url")
    # Without a method, Go's client sends a GET.
    method = option.attribute(d.Redirect, "method", "event_method", default=Method.GET)
    return (d.Redirect(url, method, extras=option.extras(NAME)),)


def _set(option: Members) -> tuple[d.Step, ...]:
    name = option.attribute(d.Set, "output", "key")
    value = option.attribute(d.Set, "value", "value")
    return (d.Set(name, value, extras=option.extras(NAME)),)


def _play(option: Members) -> tuple[d.Step, ...]:
    urls = option.take("stream_urls")
    if not isinstance(urls, list) or not urls or not all(isinstance(one, str) for one in urls):
        raise bad_attribute(f"{option.position}.stream_urls", "must be an array of URLs")
    return tuple(d.Play(url, extras=option.extras(NAME)) for url in urls)


def _gather(option: Members) -> tuple[d.Step, ...]:
    if option.peek("length") == 0:
        option.take("length")
    step = d.Gather(
        timeout_ms=option.attribute(d.Gather, "timeout_ms", "duration", default=0),
        finish_on_key=option.attribute(d.Gather, "finish_on_key", "key", default=""),
        num_digits=option.attribute(d.Gather, "num_digits", "length"),
        extras=option.extras(NAME),
    )
    return (step,)


def _dial(option: Members) -> tuple[d.Step, ...] | None:
    """Return the call of telephone numbers; None where a destination is something else."""
    addresses = option.take("destinations")
    if not isinstance(addresses, list) or not addresses:
        raise bad_attribute(f"{option.position}.destinations", "must be an array of addresses")
    targets = [_telephone(one) for one in addresses]
    source = _telephone(option.peek("source")) if "source" in option else ""
    if source is None or None in targets:
        return None
    option.take("source")
    numbers = [
        Members({"target": one}, option.position).attribute(d.Number, "number", "target")
        for one in targets
    ]
    caller = Members({"source": source}, option.position).attribute(d.Dial, "caller_id", "source")
    extras = option.extras(NAME)
    return (d.Dial(tuple(d.Number(one) for one in numbers), caller_id=caller, extras=extras),)


def _telephone(address: Any) -> str | None:
    """Return the number of an address that is nothing but a telephone number."""
    if not isinstance(address, dict) or set(address) != {"type", "target"}:
        return None
    target = address["target"]
    return target if address["type"] == TEL and isinstance(target, str) else None


def _hangup(option: Members) -> tuple[d.Step, ...]:
    reason = option.take("reason", "")
    for refusal, text in REASONS.items():
        if reason == text:
            return (d.Reject(refusal, extras=option.extras(NAME)),)
    own = () if reason in ("", "normal") else (d.Extra(NAME, "reason", json_text(reason)),)
    return (d.Hangup(extras=(*own, *option.extras(NAME))),)


READERS: Mapping[str, Callable[[Members], tuple[d.Step, ...] | None]] = {
    "answer": _answer,
    "connect": _dial,
    "digits_receive": _gather,
    "digits_send": _tones,
    "fetch": _fetch,
    "hangup": _hangup,
    "play": _play,
    "sleep": _pause,
    "talk": _say,
    "variable_set": _set,
}
"""Readers of the types that have neutral steps; None means that the action has none."""
