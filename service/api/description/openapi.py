"""The OpenAPI 3.1 description, generated from the declarations that the API runs by."""

import asyncio
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel

from service import __version__
from service.api.description import examples
from service.api.description.schema import REFERENCES, component, naming_hooks, schema_of
from service.api.http.operation import Access, Answer, ApiCall, NoQuery, Operation
from service.api.shapes.queries import FILTER, FILTER_NOT

PATH = "/v2/openapi.json"
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
        "data": {"type": "object", "description": "The problems, by field, then by code."},
        "error": {"type": "string", "description": "The HTTP status, repeated."},
        "message": TEXT,
        **COMMON,
        "status": {"const": "error"},
    },
}
METADATA = {
    "type": "object",
    "description": "Notes on the request.",
    "properties": {
        "ignored": {
            "type": "array",
            "items": TEXT,
            "description": "Members that were ignored.",
        },
        "did_you_mean": {
            "type": "object",
            "additionalProperties": TEXT,
            "description": "For ignored members, the members that were likely meant.",
        },
        "warnings": {
            "type": "array",
            "items": TEXT,
            "description": "Filters that may never match, or that filter nothing.",
        },
        "counted_since": {
            "type": "string",
            "format": "date-time",
            "description": "Start of what was counted; absent if all was.",
        },
    },
}
TAGS = {
    "Hooks": "The kinds of events that can be subscribed to.",
    "Webhooks": "The subscriptions of an account.",
    "Dry runs": "Trying a webhook out, and changing its secret.",
    "Attempts": "Every HTTP request that was made.",
    "Calls": "What is known of calls, where an account follows them.",
    "Dead letters": "Deliveries that were given up; they can be replayed.",
    "Replays": "Orders to deliver dead letters again.",
    "Streams": "What happens, while it happens: Server-Sent Events until the client hangs up.",
    "Audit log": "Who changed what, and when.",
    "Operation": "The running service, for superusers' tokens.",
    "Console": "Access to the pages for people.",
    "Service": "About the API itself.",
}
PATH_PARAMETERS = {
    "account_id": ("The token's account, or one below it.", examples.ACCOUNT_ID),
    "webhook_id": ("A webhook of the account.", examples.WEBHOOK_ID),
    "attempt_id": ("An attempt of the webhook.", examples.ATTEMPT_ID),
    "call_id": ("A leg of the call, or its conversation.", "NDlkNGI3.OTZlMDgz@10.26.0.58"),
    "delivery_id": ("A dead letter of the account.", examples.DELIVERY_ID),
    "pause_id": ("A pause.", examples.DELIVERY_ID),
    "rejected_id": ("A rejected message.", examples.REPLAY_ID),
    "replay_id": ("A replay of the account.", examples.REPLAY_ID),
    "hook_id": ("The id of a hook; a slash in it is written `%2F`.", "channel_create"),
    "schema_version": ("A version of the hook's schema.", "1"),
    "sample_id": ("`webhooks_` and the id of a hook.", "webhooks_channel_create"),
}
"""Meaning and example of each path parameter."""
DESCRIPTIONS = {
    "400": "The request is wrong; `data` names the field.",
    "401": "The token is missing or not valid.",
    "403": "The token does not permit this.",
    "404": "Not found in this account.",
    "408": "The body took too long.",
    "409": "The current state does not permit this.",
    "413": "The body is too large.",
    "429": "Too many requests.",
    "503": "A part of the service does not answer.",
}


def description_operation(operations: Sequence[Operation], hooks: Sequence[str]) -> Operation:
    """Return the operation that answers with the description of all operations.

    The first request has the description generated, in a thread: at the start that would take
    longer than everything else a worker does before it consumes.
    """
    description: dict[str, Any] = {}
    making = asyncio.Lock()

    async def handler(_: ApiCall) -> Answer:
        async with making:
            if not description:
                description.update(await asyncio.to_thread(describe, [*operations, own], hooks))
        return Answer(description)

    own = Operation(
        "GET",
        PATH,
        handler,
        "This description",
        dict[str, Any],
        Access.OPEN,
        bare=True,
        name="getDescription",
        tag="Service",
    )
    return own


def describe(operations: Sequence[Operation], hooks: Sequence[str]) -> dict[str, Any]:
    """Return the description as JSON; `hooks` are the ids that a request may name."""
    schemas: dict[str, Any] = {"Error": ERROR, "Metadata": METADATA}
    paths: dict[str, Any] = {}
    for operation in operations:
        described = _described(operation, schemas)
        paths.setdefault(operation.path, {})[operation.method.lower()] = described
    description = {
        "openapi": "3.1.0",
        "info": {
            "title": "Switchhook",
            "version": __version__,
            "description": "Webhooks for the events of a telephone switch, as in Crossbar.",
        },
        "servers": [{"url": "/", "description": "The service that serves this description."}],
        "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "token": {"type": "apiKey", "in": "header", "name": "X-Auth-Token"},
                "bearer": {"type": "http", "scheme": "bearer"},
            },
        },
    }
    completed: dict[str, Any] = naming_hooks(description, hooks)
    return completed


def _described(operation: Operation, schemas: dict[str, Any]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.name,
        "tags": [operation.tag],
        "summary": operation.summary,
        "parameters": [*_path_parameters(operation), *_query_parameters(operation, schemas)],
        "responses": _responses(operation, schemas),
    }
    if any(name.startswith(FILTER_NOT) for name in operation.query.model_fields):
        described["description"] = "`filter_not_{member}` selects those `filter_{member}` does not."
    if operation.access is not Access.OPEN:
        described["security"] = [{"token": []}, {"bearer": []}]
    if operation.body is not None:
        described["requestBody"] = _request_body(operation, operation.body, schemas)
    return described


def _path_parameters(operation: Operation) -> list[dict[str, Any]]:
    names = [part[1:-1] for part in operation.path.split("/") if part.startswith("{")]
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": PATH_PARAMETERS[name][0],
            "schema": TEXT,
            "example": PATH_PARAMETERS[name][1],
        }
        for name in names
    ]


def _query_parameters(operation: Operation, schemas: dict[str, Any]) -> list[dict[str, Any]]:
    if operation.query is NoQuery:
        return []
    # The opposites would double the list; the description of the operation tells of them.
    schema = schema_of(operation.query, schemas, named=False)
    return [
        {
            "name": name,
            "in": "query",
            "required": False,
            "description": member.pop("description", None) or _of_filter(name),
            "schema": _not_null(member),
        }
        for name, member in schema["properties"].items()
        if not name.startswith(FILTER_NOT)
    ]


def _of_filter(name: str) -> str:
    return f"Only items with this `{name.removeprefix(FILTER)}`."


def _not_null(member: dict[str, Any]) -> dict[str, Any]:
    """Return the schema without null: a query leaves the parameter out instead."""
    kept = [choice for choice in member.get("anyOf", ()) if choice != {"type": "null"}]
    rest = {key: value for key, value in member.items() if key not in ("anyOf", "default", "title")}
    if kept:
        rest |= kept[0]
    return rest


def _request_body(
    operation: Operation, body: type[BaseModel], schemas: dict[str, Any]
) -> dict[str, Any]:
    inner = schema_of(body, schemas)
    whole = {"type": "object", "required": ["data"], "properties": {"data": inner}}
    content: dict[str, Any] = {"schema": component(f"{_class(operation)}Request", whole, schemas)}
    if operation.example is not None:
        content["example"] = {"data": dict(operation.example)}
    required = any(field.is_required() for field in body.model_fields.values())
    return {
        "required": required,
        "description": "The object in `data` may also be the whole body.",
        "content": {"application/json": content},
    }


def _responses(operation: Operation, schemas: dict[str, Any]) -> dict[str, Any]:
    data = schema_of(operation.data, schemas)
    content = _stream(data) if operation.streams else _json(operation, data, schemas)
    good = {"description": operation.summary, "content": content}
    common = {400, 404, 413, 429, 503} | ({408} if operation.body is not None else set())
    statuses = sorted({*common, *_access_errors(operation), *operation.errors})
    responses = {str(status): _error(str(status)) for status in statuses}
    successes = {str(operation.status): good, **{str(other): good for other in operation.also}}
    return successes | responses


def _json(
    operation: Operation, data: dict[str, Any], schemas: dict[str, Any]
) -> dict[str, dict[str, Any]]:
    envelope = data if operation.bare else _envelope(operation, data)
    content: dict[str, Any] = {
        "schema": component(f"{_class(operation)}Response", envelope, schemas)
    }
    if not operation.bare:
        content["example"] = success_example(operation)
    return {"application/json": content}


def _stream(data: dict[str, Any]) -> dict[str, Any]:
    """Return the content of a stream: text, as OpenAPI 3.1 has no schema for a single event."""
    model = data["$ref"].rpartition("/")[2]
    text = f"`{model}` has the JSON of each event's data, under the event's name."
    return {"text/event-stream": {"schema": {**TEXT, "description": text}}}


def success_example(operation: Operation) -> dict[str, Any]:
    """Return an example of an answer."""
    data = examples.of(operation.data)
    envelope = {"data": data, "status": "success", **examples.COMMON}
    return envelope | ({"page_size": len(data)} if operation.paged else {})


def _class(operation: Operation) -> str:
    return operation.name[:1].upper() + operation.name[1:]


def _access_errors(operation: Operation) -> Sequence[int]:
    return () if operation.access is Access.OPEN else (401, 403)


def _envelope(operation: Operation, data: dict[str, Any]) -> dict[str, Any]:
    properties: dict[str, Any] = {
        **COMMON,
        "data": data,
        "status": {"const": "success"},
        "revision": {"type": "string", "description": "Changes whenever the data does."},
    }
    if operation.access is not Access.OPEN:
        properties["version"] = TEXT
    if operation.body is not None or operation.noted:
        properties["metadata"] = {"$ref": REFERENCES.format(model="Metadata")}
    required = ["data", *COMMON]
    if operation.paged:
        properties |= {"page_size": {"type": "integer"}, "start_key": TEXT, "next_start_key": TEXT}
        required.append("page_size")
    return {"type": "object", "required": required, "properties": properties}


def _error(status: str) -> dict[str, Any]:
    schema = {"$ref": REFERENCES.format(model="Error")}
    content = {"application/json": {"schema": schema}}
    return {"description": DESCRIPTIONS[status], "content": content}
