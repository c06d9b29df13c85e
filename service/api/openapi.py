"""The description of the API, made of the very declarations that it runs by (OpenAPI 3.1)."""

import asyncio
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, TypeAdapter

from service import __version__
from service.api.operation import Access, Answer, Call, NoQuery, Operation

PATH = "/v2/openapi.json"
REFERENCES = "#/components/schemas/{model}"
TEXT = {"type": "string"}
COMMON = {
    "status": TEXT,
    "request_id": TEXT,
    "timestamp": {"type": "string", "format": "date-time"},
    "node": TEXT,
}
ERROR = {
    "type": "object",
    "required": ["data", "error", "message", *COMMON],
    "properties": {
        "data": {"type": "object", "description": "What is wrong: by field, then by code."},
        "error": {"type": "string", "description": "The status, once more."},
        "message": TEXT,
        **COMMON,
        "status": {"const": "error"},
    },
}
DESCRIPTIONS = {
    "400": "The request is wrong; `data` names the field.",
    "401": "No token, or none that is good.",
    "403": "The token may not.",
    "404": "There is no such thing in this account.",
    "408": "The body took too long.",
    "409": "It cannot be done with the thing as it is now.",
    "413": "The body is too large.",
    "429": "Too many requests.",
    "503": "A part of the service does not answer.",
}


def description_operation(operations: Sequence[Operation]) -> Operation:
    """Return the operation that answers with the description of all.

    It is made when it is asked for first, in a thread: at the start it would take longer than all
    else that a worker does before it consumes.
    """
    description: dict[str, Any] = {}
    making = asyncio.Lock()

    async def handler(_: Call) -> Answer:
        async with making:
            if not description:
                description.update(await asyncio.to_thread(describe, [*operations, own]))
        return Answer(description)

    own = Operation(
        "GET", PATH, handler, "This description", dict[str, Any], Access.OPEN, bare=True
    )
    return own


def describe(operations: Sequence[Operation]) -> dict[str, Any]:
    """Return the description as JSON."""
    schemas: dict[str, Any] = {"Error": ERROR}
    paths: dict[str, Any] = {}
    for operation in operations:
        described = _described(operation, schemas)
        paths.setdefault(operation.path, {})[operation.method.lower()] = described
    return {
        "openapi": "3.1.0",
        "info": {"title": "Switchhook", "version": __version__},
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "token": {"type": "apiKey", "in": "header", "name": "X-Auth-Token"},
                "bearer": {"type": "http", "scheme": "bearer"},
            },
        },
    }


def _described(operation: Operation, schemas: dict[str, Any]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": f"{operation.method.lower()} {operation.path}",
        "summary": operation.summary,
        "parameters": [*_path_parameters(operation), *_query_parameters(operation, schemas)],
        "responses": _responses(operation, schemas),
    }
    if operation.access is not Access.OPEN:
        described["security"] = [{"token": []}, {"bearer": []}]
    if operation.body is not None:
        described["requestBody"] = _request_body(operation, operation.body, schemas)
    return described


def _path_parameters(operation: Operation) -> list[dict[str, Any]]:
    names = [part[1:-1] for part in operation.path.split("/") if part.startswith("{")]
    return [{"name": name, "in": "path", "required": True, "schema": TEXT} for name in names]


def _query_parameters(operation: Operation, schemas: dict[str, Any]) -> list[dict[str, Any]]:
    if operation.query is NoQuery:
        return []
    schema = _schema(operation.query, schemas, named=False)
    return [
        {
            "name": name,
            "in": "query",
            "required": False,
            "description": member.pop("description", ""),
            "schema": _not_null(member),
        }
        for name, member in schema["properties"].items()
    ]


def _not_null(member: dict[str, Any]) -> dict[str, Any]:
    """Return the schema without null, which a query cannot say: the parameter is left out."""
    kept = [choice for choice in member.get("anyOf", ()) if choice != {"type": "null"}]
    rest = {key: value for key, value in member.items() if key not in ("anyOf", "default", "title")}
    if kept:
        rest |= kept[0]
    return rest


def _request_body(
    operation: Operation, body: type[BaseModel], schemas: dict[str, Any]
) -> dict[str, Any]:
    inner = _schema(body, schemas)
    content: dict[str, Any] = {
        "schema": {"type": "object", "required": ["data"], "properties": {"data": inner}}
    }
    if operation.example is not None:
        content["example"] = {"data": dict(operation.example)}
    required = any(field.is_required() for field in body.model_fields.values())
    return {
        "required": required,
        "description": "The object in `data` may also stand alone.",
        "content": {"application/json": content},
    }


def _responses(operation: Operation, schemas: dict[str, Any]) -> dict[str, Any]:
    data = _schema(operation.data, schemas)
    envelope = data if operation.bare else _envelope(operation, data)
    good = {"description": operation.summary, "content": {"application/json": {"schema": envelope}}}
    common = {400, 404, 413, 429, 503} | ({408} if operation.body is not None else set())
    statuses = sorted({*common, *_access_errors(operation), *operation.errors})
    responses = {str(status): _error(str(status)) for status in statuses}
    successes = {str(operation.status): good, **{str(other): good for other in operation.also}}
    return successes | responses


def _access_errors(operation: Operation) -> Sequence[int]:
    return () if operation.access is Access.OPEN else (401, 403)


def _envelope(operation: Operation, data: dict[str, Any]) -> dict[str, Any]:
    properties: dict[str, Any] = {
        **COMMON,
        "data": data,
        "status": {"const": "success"},
        "revision": {"type": "string", "description": "Changes whenever the data does."},
        "version": TEXT,
        "metadata": {"type": "object", "description": "`ignored`: members that mean nothing here."},
    }
    required = ["data", *COMMON]
    if operation.paged:
        properties |= {"page_size": {"type": "integer"}, "start_key": TEXT, "next_start_key": TEXT}
        required.append("page_size")
    return {"type": "object", "required": required, "properties": properties}


def _error(status: str) -> dict[str, Any]:
    schema = {"$ref": REFERENCES.format(model="Error")}
    content = {"application/json": {"schema": schema}}
    return {"description": DESCRIPTIONS[status], "content": content}


def _schema(model: Any, schemas: dict[str, Any], *, named: bool = True) -> dict[str, Any]:
    """Return the schema of a model; what it refers to is added to `schemas`."""
    schema = TypeAdapter(model).json_schema(ref_template=REFERENCES, by_alias=True)
    schemas |= schema.pop("$defs", {})
    if named and isinstance(model, type) and issubclass(model, BaseModel):
        schemas[model.__name__] = schema
        return {"$ref": REFERENCES.format(model=model.__name__)}
    return schema
