"""JSON Schemas of answers, one for each form; that of our own form is made of its verbs.

A schema says less than the parser: texts that must not be empty, the limits of a whole document,
and the egress policy for URLs are left to it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import MISSING, fields
from enum import StrEnum
from typing import Any

from service.answers import own
from service.answers.fields import Field, fields_of, to_json
from service.answers.forms import FORMS, XML
from service.answers.kazoo import names as kazoo_names
from service.answers.members import MAX_UNREAD
from service.answers.voipbin import names as voipbin_names
from service.answers.xml import twiml, voxml

Schema = dict[str, Any]
DRAFT = "https://json-schema.org/draft/2020-12/schema"
PROMPT = "prompt"


def answer_schema() -> Schema:
    """Return what an answer may be: a document of any form."""
    return {
        "description": "The document of the answer, in one of these forms.",
        "anyOf": [form_schema(name) for name in FORMS],
    }


def form_schema(name: str) -> Schema:
    """Return the JSON Schema of a form's documents; an XML document is a text."""
    form = FORMS[name]
    head = {"$schema": DRAFT, "$id": f"answer/{name}", "contentMediaType": form.content_type}
    return head | _BODIES[name]


def _xml(title: str) -> Schema:
    description = f"{title}: a `Response` with the verbs of the form, of type {XML}."
    return {"title": title, "description": description, "type": "string", "minLength": 1}


def _callflow() -> Schema:
    """Return the node of a callflow, whose children are nodes."""
    node = {
        "module": {"type": "string"},
        "data": {"type": "object"},
        "children": {"type": "object", "additionalProperties": {"$ref": "#"}},
    }
    return {"title": "Callflow", "type": "object", "properties": node, "required": ["module"]}


def _actions() -> Schema:
    action = {
        "id": {"type": "string"},
        "next_id": {"type": "string"},
        "type": {"type": "string"},
        "option": {"type": "object"},
    }
    item = {"type": "object", "properties": action, "required": ["type"]}
    return {"title": "Actions", "type": "array", "items": item}


def _own() -> Schema:
    """Return the steps with a definition for each verb, and for the objects inside of verbs."""
    parts = {part for held in own.PARTS.values() for part in held.values()}
    definitions = {name: _object(made) for name, made in own.VERBS.items()}
    definitions |= {_name(part): _object(part) for part in parts}
    definitions |= {
        own.NATIVE: _native(),
        "step": _one_of(own.STEPS),
        PROMPT: _one_of(own.PROMPTS),
    }
    return {
        "title": "Steps",
        "type": "object",
        "properties": {"steps": _several("step")},
        "required": ["steps"],
        "additionalProperties": False,
        "$defs": dict(sorted(definitions.items())),
    }


def _one_of(verbs: Iterable[str]) -> Schema:
    """Return the object of a step, whose one member is named after the verb."""
    return {
        "type": "object",
        "properties": {verb: {"$ref": f"#/$defs/{verb}"} for verb in verbs},
        "minProperties": 1,
        "maxProperties": 1,
        "additionalProperties": False,
    }


def _object(made: type) -> Schema:
    members: Schema = {name: _member(one) for name, one in fields_of(made).items()}
    for name, allowed in own.NESTED.get(made, {}).items():
        members[name] = _several(PROMPT if allowed is own.PROMPTS else "step")
    for name, part in own.PARTS.get(made, {}).items():
        members[name] = _several(_name(part))
    if any(held.name == "extras" for held in fields(made)):
        members["extras"] = _EXTRAS
    needed = [name for name, one in fields_of(made).items() if one.required]
    return {
        "type": "object",
        "properties": members,
        "required": needed,
        "additionalProperties": False,
    }


def _member(field: Field) -> Schema:
    schema = _value(field)
    if field.several:
        schema = {"type": "array", "items": schema}
    elif field.default is None:
        schema["type"] = [schema["type"], "null"]
    if field.default not in (MISSING, None):
        schema["default"] = to_json(field.default)
    return schema


def _value(field: Field) -> Schema:
    if field.kind is bool:
        return {"type": "boolean"}
    if field.kind is int:
        return {"type": "integer", "minimum": field.least, "maximum": field.most}
    if issubclass(field.kind, StrEnum):
        return {"type": "string", "enum": [str(one) for one in field.kind]}
    if field.pattern is None:
        return {"type": "string"} | ({"format": "uri-reference"} if field.role else {})
    expression = field.pattern.expression.pattern
    # Flags inside of an expression are not of ECMA-262, which JSON Schema follows.
    pattern = {} if expression.startswith("(?s)") else {"pattern": f"^(?:{expression})$"}
    return {"type": "string", "description": field.pattern.allowed, **pattern}


def _native() -> Schema:
    names = {
        "form": {"type": "string"},
        "name": {"type": "string"},
        "data": {"type": "object"},
        "branches": {"type": "object", "additionalProperties": _several("step")},
    }
    return {
        "type": "object",
        "properties": names,
        "required": ["form", "name"],
        "additionalProperties": False,
    }


def _several(definition: str) -> Schema:
    return {"type": "array", "items": {"$ref": f"#/$defs/{definition}"}}


def _name(made: type) -> str:
    return made.__name__.lower()


_EXTRAS: Mapping[str, Any] = {
    "description": "Members that one form alone has, by the form's name.",
    "type": "object",
    "additionalProperties": {"type": "object", "maxProperties": MAX_UNREAD},
}
_BODIES: Mapping[str, Schema] = {
    voxml.NAME: _xml("VoxML"),
    twiml.NAME: _xml("TwiML"),
    kazoo_names.NAME: _callflow(),
    voipbin_names.NAME: _actions(),
    own.NAME: _own(),
}
