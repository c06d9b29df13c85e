"""Kazoo's form: a callflow node `{module, data, children}`, as its pivot app accepts it.

The next step is the child `_`. Modules without a neutral step, and nodes with other children, are
kept as `Native`. Members that only Kazoo has are kept as extras. Facts are those of Kazoo's schemas
`callflows.*` and of its modules `cf_*`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from service.answers import document as d
from service.answers.asked import is_action, redirected
from service.answers.errors import BadAnswer, BadAnswerReason
from service.answers.json_reader import read_json
from service.answers.kazoo.modules import MODULES
from service.answers.kazoo.names import NAME, NEXT, REASONS, UNLIMITED_DIGITS
from service.answers.members import Budget, Members, bad_attribute, json_text, sound
from service.answers.policy import DEFAULT_POLICY, AnswerPolicy
from service.answers.values import Method, RejectReason

UNIT_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000}
BUSY_CODES = ("486", "600")


def parse(content: bytes, policy: AnswerPolicy = DEFAULT_POLICY, charset: str = "") -> d.Document:
    """Return the document of an answer. Raises BadAnswer."""
    value = read_json(content, charset, policy)
    if not isinstance(value, dict) or "module" not in value:
        detail = 'the answer must be an object with the member "module"'
        raise BadAnswer(BadAnswerReason.WRONG_TYPE, detail)
    reader = _Reader(Budget(policy), [])
    steps = reader.steps(value, "flow", 0, 1)
    return d.Document(steps, tuple(reader.ignored))


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads the nodes of one callflow. Positions count along `_`: `flow[2]` is the third node."""

    budget: Budget
    ignored: list[str]

    def steps(self, node: Any, flow: str, number: int, depth: int) -> tuple[d.Step, ...]:
        found: list[d.Step] = []
        while node is not None:
            position = f"{flow}[{number}]"
            self.budget.spend(position, depth)
            steps, node = self._of_node(Members(node, position), depth)
            number += 1
            if isinstance(steps[0], d.Redirect):
                inner = depth if is_action(found, steps[0]) else depth + 1
                return redirected(found, steps[0], self.steps(node, flow, number, inner))
            if isinstance(steps[0], d.Gather):
                _gathered(found, steps[0])
            else:
                found.extend(steps)
        return tuple(found)

    def _of_node(self, node: Members, depth: int) -> tuple[tuple[d.Step, ...], Any]:
        """Return the steps of a node, and the node that follows."""
        module, data = node.text("module"), node.take("data", {})
        self.budget.check_depth(f"{node.position}.data", data)
        children = Members(node.take("children", {}), f"{node.position}.children")
        self.ignored.extend(node.unknown())
        following = children.take(NEXT)
        branches = tuple(
            d.Branch(key, self.steps(child, f"{children.position}.{key[:40]}", 0, depth + 1))
            for key, child in children.rest.items()
        )
        return _of_module(module, data, branches, node.position), following


def _gathered(before: list[d.Step], gather: d.Gather) -> None:
    """Append an input with the prompts right before it: their keys count, and stop them."""
    prompts: list[d.Prompt] = []
    while before and isinstance(before[-1], d.Say | d.Play | d.Pause):
        prompts.insert(0, before.pop())  # type: ignore[arg-type]
    before.append(replace(gather, prompts=tuple(prompts)))


def _of_module(
    module: str, data: Any, branches: tuple[d.Branch, ...], position: str
) -> tuple[d.Step, ...]:
    if module not in MODULES:
        detail = f"{position}: {module[:64]!r} is no callflow module"
        raise BadAnswer(BadAnswerReason.UNKNOWN_VERB, detail)
    members = Members(data, f"{position}.data")
    native = (d.Native(NAME, module, json_text(data), branches),)
    if branches:
        return native
    return sound(_neutral(module, members) or native, f"{position}.data")


def _neutral(module: str, data: Members) -> tuple[d.Step, ...] | None:
    """Return the neutral steps of a node, or None if it has none."""
    read = READERS.get(module)
    return None if read is None else read(data)


def _answer(data: Members) -> tuple[d.Step, ...]:
    return (d.Answer(extras=data.extras(NAME)),)


def _hangup(data: Members) -> tuple[d.Step, ...]:
    return (d.Hangup(extras=data.extras(NAME)),)


def _say(data: Members) -> tuple[d.Step, ...]:
    names = {"text": "text", "language": "language"}
    # Voices of a single engine stay with Kazoo, among the extras.
    if data.peek("voice") in ("male", "female"):
        names["voice"] = "voice"
    return (d.Say(**data.attributes(d.Say, names), extras=data.extras(NAME)),)


def _play(data: Members) -> tuple[d.Step, ...] | None:
    """Return the step that plays a URL; None for the id of a stored file."""
    if not _is_url(data.peek("id")):
        return None
    return (d.Play(data.attribute(d.Play, "url", "id"), extras=data.extras(NAME)),)


def _tones(data: Members) -> tuple[d.Step, ...]:
    digits = data.attribute(d.Play, "digits", "digits")
    return (d.Play(digits=digits, extras=data.extras(NAME)),)


def _pause(data: Members) -> tuple[d.Step, ...]:
    return (d.Pause(_duration_ms(data), extras=data.extras(NAME)),)


def _record(data: Members) -> tuple[d.Step, ...]:
    length = data.attribute(d.Record, "max_length_s", "time_limit")
    return (d.Record(max_length_s=length, play_beep=False, extras=data.extras(NAME)),)


def _pivot(data: Members) -> tuple[d.Step, ...]:
    url = data.attribute(d.Redirect, "url", "voice_url")
    return (d.Redirect(url, _method(data), extras=data.extras(NAME)),)


def _is_url(value: Any) -> bool:
    return isinstance(value, str) and value.lower().startswith(("http://", "https://"))


def _duration_ms(data: Members) -> int:
    unit, duration = data.take("unit", "s"), data.take("duration", 0)
    if not isinstance(unit, str) or unit not in UNIT_MS:
        raise bad_attribute(f"{data.position}.unit", f"must be one of {', '.join(UNIT_MS)}")
    if type(duration) is not int:
        raise bad_attribute(f"{data.position}.duration", "must be a whole number")
    made = Members({"duration": duration * UNIT_MS[unit]}, data.position)
    return int(made.attribute(d.Pause, "duration_ms", "duration"))


def _gather(data: Members) -> tuple[d.Step, ...]:
    if data.peek("max_digits") == UNLIMITED_DIGITS:
        data.take("max_digits")
        digits = None
    else:
        digits = data.attribute(d.Gather, "num_digits", "max_digits", default=1)
    several = data.take("terminators")
    if "terminator" not in data and several is not None:
        if not isinstance(several, list) or not all(isinstance(key, str) for key in several):
            raise bad_attribute(f"{data.position}.terminators", "must be an array of keys")
        keys = Members({"terminators": "".join(several)}, data.position)
        finish = keys.attribute(d.Gather, "finish_on_key", "terminators")
    else:
        finish = data.attribute(d.Gather, "finish_on_key", "terminator")
    step = d.Gather(
        timeout_ms=data.attribute(d.Gather, "timeout_ms", "timeout"),
        finish_on_key=finish,
        num_digits=digits,
        output=data.attribute(d.Gather, "output", "collection_name"),
        extras=data.extras(NAME),
    )
    return (step,)


def _dial(data: Members) -> tuple[d.Step, ...] | None:
    """Return the call of a number; None where Kazoo dials what the caller dialled."""
    if "to_did" not in data:
        return None
    number = d.Number(data.attribute(d.Number, "number", "to_did"))
    # Without a time-out, Kazoo has its own: writing ours instead would change the call.
    unset = data.unset(NAME, "timeout")
    timeout_s = data.attribute(d.Dial, "timeout_s", "timeout")
    return (d.Dial((number,), timeout_s=timeout_s, extras=(*unset, *data.extras(NAME))),)


def _method(data: Members) -> Method:
    """Return the method of a pivot, which may have either case; its default is `get`."""
    method = data.take("method", "get")
    if method not in ("get", "post", "GET", "POST"):
        raise bad_attribute(f"{data.position}.method", "must be one of get, post")
    return Method(method.upper())


def _reject(data: Members) -> tuple[d.Step, ...]:
    code = data.take("code", BUSY_CODES[0])
    if not isinstance(code, str | int) or not str(code).isdecimal() or len(str(code)) != 3:
        raise bad_attribute(f"{data.position}.code", "must be a SIP status of three digits")
    reason = RejectReason.BUSY if str(code) in BUSY_CODES else RejectReason.REJECTED
    own = () if REASONS[reason] == code else (d.Extra(NAME, "code", json_text(code)),)
    return (d.Reject(reason, extras=(*own, *data.extras(NAME))),)


def _variables(data: Members) -> tuple[d.Step, ...] | None:
    """Return a step for each variable; None where a value is no text."""
    held = data.take("custom_application_vars", {})
    if not isinstance(held, dict) or not held or not all(type(one) is str for one in held.values()):
        return None
    made = Members(held, f"{data.position}.custom_application_vars")
    extras = data.extras(NAME)
    for name in held:
        Members({name: name}, made.position).attribute(d.Set, "output", name)
    return tuple(d.Set(name, made.attribute(d.Set, "value", name), extras=extras) for name in held)


READERS: Mapping[str, Callable[[Members], tuple[d.Step, ...] | None]] = {
    "answer": _answer,
    "collect_dtmf": _gather,
    "hangup": _hangup,
    "offnet": _dial,
    "pivot": _pivot,
    "play": _play,
    "record_caller": _record,
    "resources": _dial,
    "response": _reject,
    "send_dtmf": _tones,
    "set_variables": _variables,
    "sleep": _pause,
    "tts": _say,
}
"""Readers of the modules that have neutral steps; None means that the node has none."""
