"""Switchhook's own form: a small JSON with the neutral steps, which loses nothing.

`{"steps": [{"say": {"text": "Hello"}}, {"hangup": {}}]}`: each step is an object with one member,
the verb's name. Members have the names, types and defaults of the attributes in `document`.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import orjson

from service.answers import document as d
from service.answers.errors import BadAnswer, BadAnswerReason
from service.answers.fields import fields_of, to_json
from service.answers.json_reader import read_json
from service.answers.members import MAX_UNREAD, Budget, Members, bad_attribute, json_text
from service.answers.policy import DEFAULT_POLICY, AnswerPolicy
from service.answers.written import Notes, Written, problem_with, written

NAME: Final = "switchhook"

VERBS: Mapping[str, type] = {
    made.__name__.lower(): made
    for made in (
        d.Answer, d.Connect, d.Dial, d.Do, d.Gather, d.Hangup, d.If, d.Pause, d.Pay, d.Play,
        d.Record, d.Redirect, d.Reject, d.Say, d.Set, d.Unset,
    )
}  # fmt: skip
NATIVE = "native"
PROMPTS = ("say", "play", "pause")
STEPS = (*VERBS, NATIVE)
NESTED: Mapping[type, Mapping[str, Sequence[str]]] = {
    d.Do: {"steps": STEPS},
    d.Gather: {"prompts": PROMPTS},
    d.If: {"steps": STEPS},
    d.PayPrompt: {"prompts": PROMPTS},
    d.Redirect: {"otherwise": STEPS},
}
"""Members that hold steps, with the verbs allowed there."""
PARTS: Mapping[type, Mapping[str, type]] = {
    d.Connect: {"flows": d.Flow},
    d.Dial: {"numbers": d.Number},
    d.Pay: {"prompts": d.PayPrompt, "parameters": d.PayParameter},
}
"""Members that hold plain objects."""


def parse(content: bytes, policy: AnswerPolicy = DEFAULT_POLICY, charset: str = "") -> d.Document:
    """Return the document of an answer. Raises BadAnswer, also for an unknown member."""
    value = read_json(content, charset, policy)
    if not isinstance(value, dict) or "steps" not in value:
        detail = 'the answer must be an object with the member "steps"'
        raise BadAnswer(BadAnswerReason.WRONG_TYPE, detail)
    members = Members(value, "answer")
    steps = _steps(members.take("steps"), "steps", STEPS, Budget(policy), 1)
    members.refuse_rest()
    return d.Document(steps)


def write(document: d.Document) -> Written:
    """Return a document as JSON."""
    value = {"steps": [_step_json(step) for step in document.steps]}
    return written(document, orjson.dumps(value), Notes(NAME))


def _steps(
    value: Any, position: str, allowed: Sequence[str], budget: Budget, depth: int
) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise bad_attribute(position, f"must be an array, not {type(value).__name__}")
    return tuple(
        _step(one, f"{position}[{number}]", allowed, budget, depth)
        for number, one in enumerate(value)
    )


def _step(value: Any, position: str, allowed: Sequence[str], budget: Budget, depth: int) -> Any:
    budget.spend(position, depth)
    if not isinstance(value, dict) or len(value) != 1:
        raise bad_attribute(position, "must be an object with one member, the verb")
    ((name, members),) = value.items()
    position = f"{position}.{name[:40]}"
    if name not in allowed:
        detail = f"{position}: unknown verb; allowed here: {', '.join(allowed)}"
        raise BadAnswer(BadAnswerReason.UNKNOWN_VERB, detail)
    if name == NATIVE:
        return _native(Members(members, position), budget, depth)
    return _made(VERBS[name], Members(members, position), budget, depth)


def _made(made: type, members: Members, budget: Budget, depth: int) -> Any:
    values = {name: members.attribute(made, name, name) for name in fields_of(made)}
    for name, allowed in NESTED.get(made, {}).items():
        position = f"{members.position}.{name}"
        values[name] = _steps(members.take(name, []), position, allowed, budget, depth + 1)
    for name, part in PARTS.get(made, {}).items():
        values[name] = _parts(members, name, part, budget, depth)
    if "extras" in members:
        extras = Members(members.take("extras"), f"{members.position}.extras")
        values["extras"] = _extras(extras, budget)
    members.refuse_rest()
    problem = problem_with(step := made(**values))
    if problem:
        raise bad_attribute(members.position, problem)
    return step


def _parts(members: Members, name: str, part: type, budget: Budget, depth: int) -> Any:
    value, position = members.take(name, []), f"{members.position}.{name}"
    if not isinstance(value, list):
        raise bad_attribute(position, f"must be an array, not {type(value).__name__}")
    made = []
    for number, one in enumerate(value):
        budget.spend(f"{position}[{number}]", depth + 1)
        made.append(_made(part, Members(one, f"{position}[{number}]"), budget, depth + 1))
    return tuple(made)


def _extras(members: Members, budget: Budget) -> tuple[d.Extra, ...]:
    """Return the extras, null among them: it stands for a member that must not be written."""
    budget.check_depth(members.position, members.rest)
    found = []
    for form, held in members.rest.items():
        if not isinstance(held, dict) or len(held) > MAX_UNREAD:
            detail = f"must be an object with at most {MAX_UNREAD} members"
            raise bad_attribute(f"{members.position}.{form[:40]}", detail)
        found += [d.Extra(form, name, json_text(value)) for name, value in held.items()]
    return tuple(found)


def _native(members: Members, budget: Budget, depth: int) -> d.Native:
    data = members.take("data", {})
    if not isinstance(data, dict):
        raise bad_attribute(f"{members.position}.data", "must be an object")
    budget.check_depth(f"{members.position}.data", data)
    keyed = Members(members.take("branches", {}), f"{members.position}.branches")
    branches = [
        d.Branch(key, _steps(steps, f"{keyed.position}.{key[:40]}", STEPS, budget, depth + 1))
        for key, steps in keyed.rest.items()
    ]
    form, name = members.text("form"), members.text("name")
    members.refuse_rest()
    return d.Native(form, name, json_text(data), tuple(branches))


def _step_json(step: d.Step) -> dict[str, Any]:
    if isinstance(step, d.Native):
        branches = {one.key: [_step_json(inner) for inner in one.steps] for one in step.branches}
        return {
            NATIVE: {
                "form": step.form,
                "name": step.name,
                "data": orjson.loads(step.data),
                **({"branches": branches} if branches else {}),
            }
        }
    return {type(step).__name__.lower(): _members(step)}


def _members(value: Any) -> dict[str, Any]:
    made: dict[str, Any] = {
        name: to_json(getattr(value, name))
        for name, one in fields_of(type(value)).items()
        if getattr(value, name) != one.default
    }
    for name in NESTED.get(type(value), {}):
        made |= _unless_empty(name, [_step_json(step) for step in getattr(value, name)])
    for name in PARTS.get(type(value), {}):
        made |= _unless_empty(name, [_members(part) for part in getattr(value, name)])
    return made | _unless_empty("extras", _extras_json(getattr(value, "extras", ())))


def _unless_empty(name: str, value: Any) -> dict[str, Any]:
    return {name: value} if value else {}


def _extras_json(extras: Iterable[d.Extra]) -> dict[str, dict[str, Any]]:
    made: dict[str, dict[str, Any]] = {}
    for extra in extras:
        made.setdefault(extra.form, {})[extra.name] = orjson.loads(extra.value)
    return made
