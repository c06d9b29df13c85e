import re
from typing import Any, cast

import pytest
from jsonschema import Draft202012Validator
from pydantic import TypeAdapter
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from service.api.description import examples
from service.api.description.openapi import TAGS, describe, description_operation
from service.api.http.operation import Operation, operations_of
from service.api.resources import (
    attempts,
    audits,
    calls,
    dead_letters,
    dry_runs,
    event_matches,
    glances,
    hooks,
    pauses,
    portal,
    rejected,
    streams,
    tokens,
    webhooks,
    workers,
)
from tests.dialects import DIALECTS

NOBODY = cast("Any", None)
HOOK_IDS = tuple(DIALECTS.hooks)


def declared() -> list[Operation]:
    found = operations_of(
        hooks.HookHandlers(NOBODY, NOBODY),
        dry_runs.DryRunHandlers(NOBODY, NOBODY, NOBODY, NOBODY, NOBODY),
        event_matches.EventMatchHandlers(NOBODY, NOBODY, NOBODY, NOBODY),
        attempts.AttemptHandlers(NOBODY, NOBODY, NOBODY, NOBODY),
        dead_letters.LetterHandlers(NOBODY, NOBODY),
        calls.CallHandlers(NOBODY),
        streams.StreamHandlers(NOBODY, NOBODY, NOBODY, NOBODY),
        tokens.TokenHandlers(),
        audits.AuditHandlers(NOBODY, NOBODY),
        rejected.RejectedHandlers(NOBODY, NOBODY),
        workers.WorkerHandlers(NOBODY),
        glances.GlanceHandlers(NOBODY),
        portal.PortalHandlers(NOBODY, ""),
        pauses.PauseHandlers(NOBODY),
        webhooks.WebhookHandlers(NOBODY, NOBODY, NOBODY),
    )
    return [*found, description_operation(found, HOOK_IDS)]


OPERATIONS = declared()
DESCRIPTION = describe(OPERATIONS, HOOK_IDS)
DESCRIBED = [
    pytest.param(operation, id=operation["operationId"])
    for path in DESCRIPTION["paths"].values()
    for operation in path.values()
]


def valid(value: Any, schema: dict[str, Any]) -> None:
    """Raise where a value is not as a schema of the description says."""
    resource = DRAFT202012.create_resource(DESCRIPTION)
    registry: Registry[Any] = Registry().with_resource("urn:api", resource)
    whole = {"$ref": schema["$ref"].replace("#", "urn:api#", 1)} if "$ref" in schema else schema
    Draft202012Validator(whole, registry=registry).validate(value)


def test_every_operation_has_a_name_of_its_own_that_a_client_can_be_made_of() -> None:
    names = [operation.name for operation in OPERATIONS]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z]+([A-Z][a-z]+)+", name) for name in names), names


def test_every_operation_belongs_to_a_group_and_every_group_has_some() -> None:
    assert {operation.tag for operation in OPERATIONS} == set(TAGS)
    assert [tag["name"] for tag in DESCRIPTION["tags"]] == list(TAGS)
    assert DESCRIPTION["servers"][0]["url"] == "/"


@pytest.mark.parametrize("operation", DESCRIBED)
def test_every_answer_has_an_example_that_is_as_it_says(operation: dict[str, Any]) -> None:
    for status, response in operation["responses"].items():
        if "text/event-stream" in response["content"]:
            continue
        content = response["content"]["application/json"]
        name = content["schema"]["$ref"].rpartition("/")[2]
        if not status.startswith("2"):
            assert name == "Error"
            continue
        assert name.lower() == f"{operation['operationId']}response".lower()
        if operation["operationId"] != "getDescription":
            valid(content["example"], content["schema"])


@pytest.mark.parametrize("operation", DESCRIBED)
def test_every_body_has_an_example_that_is_as_it_says(operation: dict[str, Any]) -> None:
    if "requestBody" in operation:
        content = operation["requestBody"]["content"]["application/json"]
        assert content["schema"]["$ref"].endswith("Request")
        valid(content["example"], content["schema"])


@pytest.mark.parametrize("operation", DESCRIBED)
def test_every_parameter_is_described(operation: dict[str, Any]) -> None:
    for parameter in operation["parameters"]:
        assert parameter["description"].endswith("."), parameter
        assert parameter["in"] == "query" or parameter["example"]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_every_example_is_taken_by_its_model(operation: Operation) -> None:
    if not operation.bare:
        example = examples.of(operation.data)
        assert TypeAdapter(operation.data).validate_python(example, strict=False) is not None


def test_the_schemas_carry_no_titles_that_repeat_names() -> None:
    def titles(value: Any) -> list[Any]:
        parts = value.values() if isinstance(value, dict) else value
        inner = [t for part in parts if isinstance(part, dict | list) for t in titles(part)]
        own = [value["title"]] if isinstance(value, dict) and "title" in value else []
        return own + inner

    assert titles(DESCRIPTION["components"]) == []
