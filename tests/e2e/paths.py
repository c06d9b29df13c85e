"""All paths of the API that belong to an account, and an account with something behind each."""

from collections.abc import Iterator, Mapping
from typing import Any

from service.dev.receiver import Receiver
from tests.api_client import Client
from tests.conftest import Documents
from tests.e2e.harness import eventually
from tests.e2e.shared_service import SharedService

HOOK = {"name": "crm", "uri": "http://127.0.0.1:9/", "hook": "channel_create"}
WRITES = ("PUT", "POST", "PATCH", "DELETE")
NO_WRITE = frozenset({
    "/v2/accounts/{account_id}/webhooks/match",
    "/v2/accounts/{account_id}/webhooks/match/events",
})  # fmt: skip
"""What is posted to, and changes nothing."""


def operations(
    description: Mapping[str, Any], names: Mapping[str, str], *, streams: bool = False
) -> Iterator[tuple[str, str, str, Any]]:
    """Yield method, template, path and a body that works, for every operation of an account.

    Those that answer with a stream are left out, as they answer without end, unless asked for.
    """
    for template, methods in description["paths"].items():
        if "{account_id}" not in template:
            continue
        for method, operation in methods.items():
            if is_stream(operation) and not streams:
                continue
            body = None
            if "requestBody" in operation:
                body = operation["requestBody"]["content"]["application/json"]["example"]
            yield method.upper(), template, template.format(**names), body


def is_stream(operation: Mapping[str, Any]) -> bool:
    """Return whether an operation of the description answers with Server-Sent Events."""
    answers = operation["responses"].values()
    return any("text/event-stream" in answer["content"] for answer in answers)


def is_write(method: str, template: str) -> bool:
    return method in WRITES and template not in NO_WRITE


async def snapshot(database: Documents, account_id: str) -> dict[str, list[Any]]:
    """Return all that the store has of an account."""
    own = {"account_id": account_id}
    names = ("webhooks", "attempts", "dead_letters", "replays", "tokens")
    return {name: await database[name].find(own).sort("_id").to_list() for name in names}


async def furnished(
    shared: SharedService, receiver: Receiver, account_id: str | None = None
) -> tuple[Client, dict[str, str]]:
    """Return an account with some of everything, and the names of it."""
    api = await shared.tenant(account_id)
    receiver.script("/secret-path", 500)
    webhook = await api.create(receiver.url("/secret-path"), retries=0, name="secret-name")
    await shared.call(api.account_id, "secret-call")

    async def settled() -> Any:
        letters = (await api.get("dead_letters")).data
        attempts = (await api.get("webhooks/attempts")).data
        return (letters[0], attempts[0]) if letters and attempts else None

    letter, attempt = await eventually(settled, what="a dead letter and its attempt")
    order = {"filter": {"call_id": "none"}}
    replay = (await api.post("dead_letters/replay", **order)).data

    async def over() -> bool:
        found = await api.get(f"dead_letters/replays/{replay['id']}")
        return bool(found.data["state"] == "finished")

    await eventually(over, what="the end of the replay")
    return api, {
        "account_id": api.account_id,
        "webhook_id": webhook["id"],
        "attempt_id": attempt["id"],
        "delivery_id": letter["id"],
        "replay_id": replay["id"],
        "call_id": "c-none",
        "sample_id": "webhooks_sms",
        "hook_id": "sms",
        "schema_version": "1",
    }
