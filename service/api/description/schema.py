"""JSON Schemas of models, as parts of the description."""

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, TypeAdapter

from service.api.shapes.bodies import HOOKS

REFERENCES = "#/components/schemas/{model}"


def component(name: str, schema: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    """Name a schema; generated clients use the name for a class."""
    schemas[name] = schema
    return {"$ref": REFERENCES.format(model=name)}


def schema_of(model: Any, schemas: dict[str, Any], *, named: bool = True) -> dict[str, Any]:
    """Return the schema of a model; add the schemas that it refers to to `schemas`."""
    raw = TypeAdapter(model).json_schema(ref_template=REFERENCES, by_alias=True)
    schema: dict[str, Any] = _untitled(raw)
    schemas |= schema.pop("$defs", {})
    if named and isinstance(model, type) and issubclass(model, BaseModel):
        return component(model.__name__, schema, schemas)
    return schema


def naming_hooks(part: Any, hooks: Sequence[str]) -> Any:
    """Return a part of the description with the ids of the hooks in place of each `HOOKS` mark."""
    if isinstance(part, list):
        return [naming_hooks(one, hooks) for one in part]
    if not isinstance(part, dict):
        return part
    named = {key: naming_hooks(one, hooks) for key, one in part.items() if key != HOOKS}
    return named | ({"enum": [*part[HOOKS], *hooks]} if HOOKS in part else {})


def _untitled(schema: Any) -> Any:
    """Return a schema without the titles that only repeat the names."""
    if isinstance(schema, list):
        return [_untitled(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: _untitled(part)
        for key, part in schema.items()
        if key != "title" or not isinstance(part, str)
    }
