"""Strategies for answers of actionable webhooks."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from service.answers import document as d
from service.answers.fields import NOT_TEXT, Field, fields_of
from service.answers.own import NESTED, PARTS, VERBS
from service.answers.values import Method, RejectReason

URLS = st.sampled_from([
    "https://ivr.example.com/a", "http://ivr.example.com:8080/b?c=d&e=f", "https://[2001:db8::1]/x",
])  # fmt: skip
PATHS = URLS | st.sampled_from(["", "next", "/next", "../up?q='a'&r=1", "//other.example.com/z"])
KEYS = st.sampled_from("0123456789*#")


SAMPLES = {
    "caller_id": ["", "+15550100000", "100"],
    "digits": ["", "1w2W#*", "ABCD"],
    "expression": ['${_x.digits}!="" || 1<2', "a\nb"],
    "finish_on_key": ["", "#", "12*", "1234567890*#"],
    "flow_id": ["5f0c2a9b-0000-4000-8000-000000000000", "a"],
    "language": ["", "en-US", "yue-Hant-HK", "de"],
    "number": ["+15550100000", "100", "*97#"],
    "output": ["_x", "a.b-c"],
    "send_digits": ["", "ww1#"],
    "speech_timeout": ["", "auto", "3"],
}
"""Texts for the attributes that must match a pattern."""


def _is_plain(text: str) -> bool:
    return text == text.strip() != "" and "${" not in text and not NOT_TEXT.search(text)


TEXTS = st.text(min_size=1, max_size=30).filter(_is_plain) | st.sampled_from(
    ["Hello", "a < b & c > \"d\" 'e'", "]]>", "two\r\nlines", "\u00e9\U0001f4de", "<!-- x -->"]
)


def _values(field: Field) -> st.SearchStrategy[Any]:
    if field.role is not None:
        return PATHS
    if field.kind is bool:
        return st.booleans()
    if field.kind is int:
        scale = 1000 if field.name.endswith("_ms") else 1
        return st.integers(field.least // scale, field.most // scale).map(lambda n: n * scale)
    if field.pattern is not None:
        return st.sampled_from(SAMPLES[field.name])
    if field.kind is str:
        return TEXTS
    one = st.sampled_from(list(field.kind))
    return st.lists(one, unique=True, max_size=3).map(tuple) if field.several else one


def _attributes(made: type) -> dict[str, st.SearchStrategy[Any]]:
    return {
        name: _values(field) if field.required else st.just(field.default) | _values(field)
        for name, field in fields_of(made).items()
    }


def _plays() -> st.SearchStrategy[d.Play]:
    plays = st.builds(d.Play, **_attributes(d.Play))
    return plays.map(lambda one: replace(one, url="" if one.digits else one.url or "a.wav"))


PROMPTS = st.lists(
    st.one_of(
        st.builds(d.Say, **_attributes(d.Say)), _plays(), st.builds(d.Pause, **_attributes(d.Pause))
    ),
    max_size=2,
).map(tuple)


def _whole(made: type, steps: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    attributes = _attributes(made)
    if made is d.Play:
        return _plays()
    for name, allowed in NESTED.get(made, {}).items():
        attributes[name] = PROMPTS if len(allowed) == 3 else steps
    for name, part in PARTS.get(made, {}).items():
        least, most = (1, 1) if made is d.Connect else (1, 2)
        parts = st.lists(_whole(part, steps), min_size=least, max_size=most)
        attributes[name] = parts.map(tuple)
    if made is d.PayPrompt:
        attributes["prompts"] = PROMPTS.map(
            lambda ones: tuple(one for one in ones if not isinstance(one, d.Pause))
        )
    return st.builds(made, **attributes)


def _some_steps(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(st.one_of([_whole(made, inner) for made in VERBS.values()]), max_size=3).map(
        tuple
    )


NO_STEPS: st.SearchStrategy[Any] = st.just(())
DOCUMENTS = st.builds(d.Document, _some_steps(_some_steps(NO_STEPS)))
"""Documents with every verb and every attribute."""


def without_otherwise(value: Any) -> Any:
    """Return steps without those for an unreachable document, which XML cannot say."""
    if isinstance(value, tuple):
        return tuple(without_otherwise(one) for one in value)
    if isinstance(value, d.Redirect):
        return replace(value, otherwise=())
    if isinstance(value, d.If | d.Do):
        return replace(value, steps=without_otherwise(value.steps))
    return value


SAYS = st.builds(
    d.Say,
    TEXTS,
    st.sampled_from(["", "en-US", "en-GB", "fr-FR"]),
    loop=st.sampled_from([1, 1, 2]),
)
COMMON_PROMPTS = st.one_of(
    SAYS,
    st.builds(d.Play, URLS, loop=st.sampled_from([1, 3])),
    st.builds(d.Pause, st.integers(1, 3600).map(lambda seconds: seconds * 1000)),
)
METHODS = st.sampled_from(list(Method))
COMMON_STEPS = st.one_of(
    COMMON_PROMPTS,
    st.builds(
        d.Gather,
        action=URLS,
        method=METHODS,
        timeout_ms=st.integers(1, 3600).map(lambda seconds: seconds * 1000),
        finish_on_key=KEYS,
        num_digits=st.none() | st.integers(1, 999),
        prompts=st.lists(COMMON_PROMPTS, max_size=2).map(tuple),
    ),
    st.builds(
        d.Dial,
        st.from_regex(r"\+?[0-9]{3,15}", fullmatch=True).map(lambda number: (d.Number(number),)),
        action=st.none() | URLS,
        method=METHODS,
    ),
    st.builds(d.Record, action=URLS, method=METHODS, max_length_s=st.integers(5, 3600)),
    st.builds(d.Set, st.from_regex(r"[A-Za-z_]\w{0,9}", fullmatch=True).filter(str.isascii), TEXTS),
)
LAST_STEPS = st.one_of(
    st.builds(d.Redirect, URLS, METHODS),
    st.builds(d.Reject, st.sampled_from(list(RejectReason))),
    st.just(d.Hangup()),
)
COMMON_DOCUMENTS = st.builds(
    lambda steps, last: d.Document((*steps, *last)),
    st.lists(COMMON_STEPS, max_size=4),
    st.lists(LAST_STEPS, max_size=1),
)
"""Documents that every form can say."""


def meaning(document: d.Document) -> list[Any]:
    """Return what happens in a call, in order, whatever the form.

    Prompts are what is heard before an input; repetitions are written out; a document without an
    end hangs up; a call is answered by the first verb.
    """
    events = list(_events(document.steps))
    return events if events and isinstance(events[-1], d.Reject) else [*events, "end"]


def _events(steps: tuple[d.Step, ...]) -> Iterator[Any]:
    for step in steps:
        match step:
            case d.Answer() | d.Hangup():
                pass
            case d.Say() | d.Play():
                language = (step.language or "en-US",) if isinstance(step, d.Say) else ()
                heard = step.text if isinstance(step, d.Say) else step.url
                yield from [(type(step), heard, *language)] * step.loop
            case d.Gather():
                yield from _events(step.prompts)
                yield (d.Gather, step.timeout_ms, step.finish_on_key, step.num_digits)
                yield from _asked(step)
            case d.Dial():
                yield (d.Dial, step.numbers)
                yield from _asked(step)
            case d.Record():
                yield (d.Record, step.max_length_s)
                yield from _asked(step)
            case d.Redirect():
                yield ("asks", step.url, step.method)
                yield from _events(step.otherwise)
            case _:
                yield step


def _asked(step: d.Gather | d.Dial | d.Record) -> Iterator[Any]:
    if step.action is not None:
        yield ("asks", step.action, step.method)


GOOD: dict[str, Any] = {
    "code": "486", "collection_name": "pin", "custom_application_vars": {"a": "b"},
    "destinations": [{"type": "tel", "target": "+15550100001"}], "digits": "12",
    "digits_handle": "next", "duration": 1000, "end_of_silence": 3, "event_method": "POST",
    "event_url": "https://ivr.example.com/?Digits=${voipbin.call.digits}", "format": "wav",
    "id": "https://ivr.example.com/a.wav", "key": "#", "language": "en-US", "length": 2,
    "max_digits": 4, "method": "post", "reason": "busy", "stream_urls": ["https://a.example.com/"],
    "terminators": ["#", "*"], "text": "Hello", "time_limit": 60, "timeout": 5, "unit": "ms",
    "to_did": "+15550100001", "value": "", "voice_url": "https://ivr.example.com/b",
}  # fmt: skip
"""Members of modules and of options, each with a value that is allowed."""
ODD: st.SearchStrategy[Any] = st.sampled_from([
    None, True, 0, -1, 1000, 10**12, 1.5, "", "#", "${x}", " ", [], {}, [{}], [1], {"a b": 1},
    [{"type": "sip", "target": "x"}], "voipbin.call.digits", "x" * 1001,
])  # fmt: skip
MODULES = {
    "answer": (), "collect_dtmf": ("max_digits", "timeout", "terminators", "collection_name"),
    "hangup": (), "menu": ("id",), "pivot": ("voice_url", "method"), "play": ("id",),
    "record_caller": ("time_limit", "format"), "resources": ("to_did", "timeout"),
    "response": ("code",), "send_dtmf": ("digits",), "set_variables": ("custom_application_vars",),
    "sleep": ("duration", "unit"), "tts": ("text", "language"),
}  # fmt: skip
TYPES = {
    "answer": (), "beep": (), "connect": ("destinations",), "digits_receive": ("duration", "key"),
    "digits_send": ("digits",), "fetch": ("event_url", "event_method"), "hangup": ("reason",),
    "play": ("stream_urls",), "recording_start": ("format", "end_of_silence", "duration"),
    "recording_stop": (), "sleep": ("duration",), "talk": ("text", "digits_handle"),
    "variable_set": ("key", "value"),
}  # fmt: skip
DIGITS_RESET = {"type": "variable_set", "option": {"key": "voipbin.call.digits", "value": ""}}


@st.composite
def _named(draw: st.DrawFn, kinds: dict[str, tuple[str, ...]]) -> tuple[str, dict[str, Any]]:
    """Return a module or a type, most of its members with allowed values."""
    kind = draw(st.sampled_from(sorted(kinds)))
    data = {key: GOOD[key] for key in kinds[kind] if draw(st.integers(0, 9))}
    if kinds[kind] and not draw(st.integers(0, 9)):
        data[draw(st.sampled_from(kinds[kind]))] = draw(ODD)
    return kind, data


@st.composite
def callflows(draw: st.DrawFn) -> dict[str, Any]:
    """Return a callflow, right or nearly right, with a branch now and then."""
    node: dict[str, Any] | None = None
    for module, data in draw(st.lists(_named(MODULES), min_size=1, max_size=6)):
        children = {} if node is None else {"_": node}
        if not draw(st.integers(0, 9)):
            children["1"] = {"module": "hangup", "data": {}}
        node = {"module": module, "data": data, "children": children}
    assert node is not None
    return node


ACTIONS = st.lists(
    st.just(DIGITS_RESET) | _named(TYPES).map(lambda named: {"type": named[0], "option": named[1]}),
    max_size=8,
)
"""Actions, right or nearly right."""
