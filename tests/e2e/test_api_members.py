"""Every member that the description promises of any answer can be seen in one."""

import time
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from bson import ObjectId

from service.dev.receiver import Receiver, ScriptedAnswer
from service.dev.servers import free_port
from service.documents.buckets import Span, bucket_name
from service.domain.delivery import attempt_id_of
from service.management.counting import A_LOOK
from service.text.keys import new_key
from tests.api_client import Client, Reply, make_token
from tests.e2e.harness import SECRET, eventually, switch
from tests.e2e.paths import is_stream
from tests.e2e.shared_service import SharedService, StartShared

Member = tuple[str, str]
"""A schema of the description, and one of its properties."""


@pytest.fixture
async def described(new_shared: StartShared) -> AsyncIterator[SharedService]:
    options = {
        "SWITCHHOOK_SECRETS__SIGNING_KEY": new_key("pair"),
        "SWITCHHOOK_BREAKER__FAILURE_COUNT": "10000",
    }
    async with new_shared(**options) as running:
        yield running


@dataclass
class Witness:
    """Calls operations by their names, and notes every member that their answers had."""

    api: Client
    description: Mapping[str, Any]
    seen: set[Member] = field(default_factory=set)
    called: set[str] = field(default_factory=set)

    def operations(self) -> dict[str, tuple[str, str, Any]]:
        """Return method, path and declaration of each operation that answers at once, by name."""
        return {
            operation["operationId"]: (method.upper(), path, operation)
            for path, methods in self.description["paths"].items()
            for method, operation in methods.items()
            if not is_stream(operation)
        }

    async def call(self, name: str, members: Any = None, *, query: Any = None, **ids: str) -> Reply:
        """Call an operation that must succeed; what has a body gets a member it ignores, too."""
        method, path, operation = self.operations()[name]
        where = path.format(account_id=self.api.account_id, **ids)
        body = {**(members or {}), "hok": 1, "zzz": 1} if "requestBody" in operation else None
        reply = await self.api.ask(method, where, body, query=query)
        assert str(reply.status) in operation["responses"], reply.envelope
        assert reply.status < 300, reply.envelope
        self.called.add(name)
        content = operation["responses"][str(reply.status)]["content"]["application/json"]
        self._note(reply.envelope, content["schema"])
        return reply

    async def follow(self, name: str, *, query: Any = None, **ids: str) -> None:
        """See the first and the second page of a list."""
        first = await self.call(name, query={"page_size": 1, **(query or {})}, **ids)
        following = {"page_size": 1, "start_key": first.envelope["next_start_key"]}
        await self.call(name, query=following | (query or {}), **ids)

    def promised(self) -> set[Member]:
        """Return every member of every answer of success."""
        found: set[Member] = set()
        for _, _, operation in self.operations().values():
            for status, response in operation["responses"].items():
                if status.startswith("2"):
                    schema = response["content"]["application/json"]["schema"]
                    self._collect(schema, found, set())
        return found

    def _collect(self, schema: Any, found: set[Member], visited: set[str]) -> None:
        for name, whole in self._named(schema):
            if name not in visited:
                visited.add(name)
                found.update((name, member) for member in whole.get("properties", ()))
                for inner in whole.get("properties", {}).values():
                    self._collect(inner, found, visited)
                self._collect(whole | {"properties": {}}, found, visited)

    def _named(self, schema: Any) -> Iterator[tuple[str, Any]]:
        """Yield the named schemas that a schema refers to, its own properties left out."""
        if "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2]
            yield name, self.description["components"]["schemas"][name]
        for part in (
            *schema.get("anyOf", ()),
            schema.get("items"),
            schema.get("additionalProperties"),
        ):
            if isinstance(part, dict):
                yield from self._named(part)

    def _note(self, value: Any, schema: Any) -> None:
        for inner in value if isinstance(value, list) else [value]:
            if isinstance(inner, dict):
                self._note_object(inner, schema)

    def _note_object(self, value: Mapping[str, Any], schema: Any) -> None:
        for name, whole in self._named(schema):
            properties = whole.get("properties", {})
            required = set(whole.get("required", ()))
            if required <= set(value):
                for member in properties.keys() & value.keys():
                    if value[member] is not None:
                        self.seen.add((name, member))
                        self._note(value[member], properties[member])
                        self._note_values(value[member], properties[member])

    def _note_values(self, value: Any, schema: Any) -> None:
        """Note what stands in an object by names that are free to choose."""
        if isinstance(value, dict):
            choices = (schema, *schema.get("anyOf", ()))
            for free in (one.get("additionalProperties") for one in choices):
                if isinstance(free, dict):
                    self._note(list(value.values()), free)


async def furnished(witness: Witness, shared: SharedService, receiver: Receiver) -> dict[str, str]:
    """Have some of everything happen; return ids of what there is."""
    receiver.script("/bad", 500)
    receiver.script("/gone", 410)
    receiver.script("/slow", ScriptedAnswer(500, delay_s=2))
    options = {
        "timeout_s": 3,
        "coalesce_ms": 500,
        "max_age_s": 3600,
        "schema_version": 1,
        "headers": {"X-Key": "k"},
        "auth": {"type": "bearer", "token": "t"},
        "fallback_uri": receiver.url("/fallback"),
        "secret": SECRET,
        "public_key_signature": True,
        "custom_data": {"type": "it filters nothing"},
        "filters": [{"internal_leg": False}],
        "timezone": "Europe/Berlin",
        "mask": [{"member": "caller_id_number", "hash": True}],
        "omit": ["custom_channel_vars"],
    }
    webhooks: dict[str, dict[str, Any]] = {
        "full": {"uri": receiver.url("/bad"), "retries": 0, **options},
        "dying": {"uri": receiver.url("/bad"), "retries": 0},
        "refused": {"uri": f"http://127.0.0.1:{free_port()}/", "retries": 0},
        "gone": {"uri": receiver.url("/gone"), "retries": 0},
        "slow": {"uri": receiver.url("/slow"), "retries": 0, **ORDERED},
        "stale": {"uri": receiver.url("/bad"), "retries": 5, "max_age_s": 0.2},
        "paused": {"uri": receiver.url("/ok"), "paused": True},
        "batched": {"uri": receiver.url("/fine"), "batch": {"max": 2, "within_ms": 100}},
        "ivr": {"uri": receiver.url("/bad"), "hook": "pivot", **ACTIONABLE},
    }
    ids = {}
    for name, members in webhooks.items():
        created = await witness.call(
            "createWebhook", {"name": name, "hook": "channel_create", "format": "json"} | members
        )
        ids[name] = created.data["id"]
    await shared.call(witness.api.account_id, "c-1")
    await eventually(lambda: waits(witness), what="an ordered delivery under way")
    await shared.call(witness.api.account_id, "c-1", hook="channel_destroy")
    await eventually(lambda: over(witness), what="the end of the call")
    await eventually(lambda: enough(witness.api, "dead_letters", 5), what="dead letters")
    await eventually(lambda: enough(witness.api, "webhooks/attempts", 9), what="attempts")
    return ids


ORDERED = {"ordering": "call_strict", "ordering_wait_s": 5, "extras": ["sequence"]}


async def waits(witness: Witness) -> bool:
    if (await witness.api.get("calls/c-1")).status == 404:
        return False
    call = await witness.call("getCall", call_id="c-1")
    return bool(call.data["waiting"])


async def over(witness: Witness) -> bool:
    call = await witness.call("getCall", call_id="c-1")
    return bool(call.data["summary"])


ACTIONABLE = {
    "budget_s": 2.5,
    "static_answer": "<Response><Hangup/></Response>",
    "answer_form": "voxml",
    "profile": "voxtelesys",
}


async def enough(api: Client, path: str, count: int) -> bool:
    return len((await api.get(path)).data) >= count


async def see_webhooks(witness: Witness, shared: SharedService, ids: Mapping[str, str]) -> None:
    await witness.call("patchWebhook", {"timeout_s": 4}, webhook_id=ids["full"])
    await witness.call("getWebhook", webhook_id=ids["paused"])
    await witness.call("updateWebhook", {"name": "new"}, webhook_id=ids["full"])
    await witness.call("rotateSecret", webhook_id=ids["full"])
    await witness.call("testWebhook", webhook_id=ids["full"])
    await witness.call("testWebhook", webhook_id=ids["ivr"])
    await witness.call("getWebhook", webhook_id=ids["ivr"])
    await witness.call("matchWebhooks", {"hook": "channel_create"})
    await witness.call(
        "matchEvents", {"hook": "channel_create", "filters": [{"internal_leg": False}]}
    )
    await witness.call("getWebhookStats", webhook_id=ids["full"])
    broken = {"_id": "broken", "account_id": witness.api.account_id, "hook": "sms", "name": "x"}
    defaults = {"format": "json", "retries": 2, "enabled": True, "custom_data": {}, "modifiers": {}}
    flags = {"include_subaccounts": False, "include_internal_legs": True, "http_verb": "head"}
    whole = {**broken, **defaults, **flags, "uri": "http://127.0.0.1:9/"}
    await shared.database["webhooks"].insert_one(whole)
    several = {"event_types": ["channel_create", "channel_destroy"], "source": "kazoo"}
    listed = {**whole, **several, "_id": "several", "http_verb": "delete", "hook": None}
    await shared.database["webhooks"].insert_one(listed)
    for webhook_id in (ids["full"], ids["gone"], "broken", "several"):
        await witness.call("getWebhook", webhook_id=webhook_id)
    await witness.follow("listWebhooks")
    await witness.call("listWebhooks")


async def see_attempts_and_letters(
    witness: Witness, receiver: Receiver, ids: Mapping[str, str]
) -> None:
    full = ids["full"]
    attempts = (await witness.call("listWebhookAttempts", webhook_id=full)).data
    for attempt in attempts:
        await witness.call("getAttempt", webhook_id=full, attempt_id=attempt["id"])
    made = next(attempt for attempt in attempts if not attempt.get("test"))
    await witness.call("replayAttempt", webhook_id=full, attempt_id=made["id"])
    await eventually(lambda: replayed(witness.api, full), what="the attempt made again")
    await witness.follow("listAttempts")
    await witness.follow("listWebhookAttempts", webhook_id=full)
    for attempt in (await witness.call("listAttempts")).data:
        where = {"webhook_id": attempt["hook_id"], "attempt_id": attempt["id"]}
        await witness.call("getAttempt", **where)
    await witness.follow("listDeadLetters")
    await witness.call("replayDeadLetters", {"filter": {}, "dry_run": True})
    await witness.call("replayDeadLetters", {"filter": {"call_id": "none"}, "max_age_s": 60})
    # What succeeds now stays as a letter that was replayed; what fails again is a new one.
    receiver.script("/bad", 200)
    replay = (await witness.call("replayDeadLetters", {"filter": {}})).data
    replay_id = replay["id"]

    async def ended() -> bool:
        found = await witness.call("getReplay", replay_id=replay_id)
        return bool(found.data["ended_at"])

    await eventually(ended, what="the end of the replay")
    for letter in (await witness.call("listDeadLetters", query={"replayed": "true"})).data:
        await witness.call("getDeadLetter", delivery_id=letter["id"])
    await witness.follow("listReplays")
    # A replay of two letters is under way for long; that of one would end before it is cancelled.
    slow = {"filter": {}, "rate_per_s": 0.1}
    await eventually(lambda: enough(witness.api, "dead_letters", 2), what="they died again")
    begun = (await witness.call("replayDeadLetters", slow)).data
    await witness.call("cancelReplay", replay_id=begun["id"])
    await witness.call("getWebhooksHealth")
    await witness.call("createPortalLink", {"read_only": True})
    for dry_run in (True, False):
        await witness.call("discardDeadLetters", {"filter": {}, "dry_run": dry_run})


async def replayed(api: Client, webhook_id: str) -> bool:
    found = (await api.get(f"webhooks/{webhook_id}/attempts")).data
    return any(attempt.get("replay_id") for attempt in found)


async def see_operation(witness: Witness, shared: SharedService) -> None:
    """See what is for operators alone, with an operator's token."""
    await shared.database["audit"].update_many({}, {"$set": {"session_id": "s-1"}})
    await witness.follow("listAccountAudit")
    async with switch(shared.amqp_url) as kazoo:
        for _ in range(2):
            await kazoo.publish_raw(
                "callevt", "call.CHANNEL_CREATE.x", b"{]", content_encoding="gzip"
            )
    account_token = witness.api.token
    token = await make_token(shared.database, None, name="On call")
    witness.api = replace(witness.api, token=token)

    async def taken() -> Any:
        await witness.call("takeRejected")
        found = (await witness.call("listRejected")).data
        return found if len(found) == 2 else None

    message, _ = await eventually(taken)
    await witness.follow("listRejected")
    await witness.call("getRejected", rejected_id=message["id"])
    await witness.call("retryRejected", {"ids": ["none"]})
    await witness.call("discardRejected", {"ids": [message["id"]]})
    await witness.follow("listAudit")
    now = datetime.now(UTC)
    worker = {
        "_id": "a:1", "host": "a", "pid": 1, "number": 1, "version": "1", "in_flight": 0,
        "unsettled": 0, "started_at": now, "seen_at": now, "last_event_at": now,
        "checks": {"store": "does not answer"},
        "certificates": [{"host": "a.example", "expires_at": now}],
    }  # fmt: skip
    await shared.database["workers"].insert_one(worker)
    for name in ("listWorkers", "listCertificates"):
        await witness.call(name)
    for order in ({"endpoint": "http://none.example:81"}, {"account_id": f"{0:032x}"}):
        paused = await witness.call("createPause", order)
        await witness.call("listPauses")
        await witness.call("deletePause", pause_id=paused.data["id"])
    witness.api = replace(witness.api, token=account_token)


async def see_a_long_log(witness: Witness, shared: SharedService, webhook_id: str) -> None:
    """See the health of a webhook with more attempts than are counted at once."""
    at = time.time() - 60
    row = {
        "account_id": witness.api.account_id, "webhook_id": webhook_id, "outcome": "succeeded",
        "duration_ms": 10.0, "started_at": datetime.fromtimestamp(at, UTC),
    }  # fmt: skip
    rows = [{**row, "_id": ObjectId(attempt_id_of(at))} for _ in range(A_LOOK + 1)]
    await shared.database[bucket_name(at, Span.DAY)].insert_many(rows)
    await witness.call("getWebhooksHealth", query={"hook_ids": webhook_id})


OF_EARLIER_VERSIONS = {("SchemaVersion", "deprecated_at"), ("SchemaVersion", "sunset_at")}
"""No hook has any today; tests/integration/test_toy_dialect.py sees these members."""


async def test_every_member_of_every_answer_can_be_seen(
    described: SharedService, receiver: Receiver
) -> None:
    api = await described.tenant(descendants=True)
    witness = Witness(api, (await api.get("/v2/openapi.json")).envelope)
    ids = await furnished(witness, described, receiver)
    await see_webhooks(witness, described, ids)
    await see_attempts_and_letters(witness, receiver, ids)
    await see_operation(witness, described)
    for name in ("listHooks", "listSamples", "listAccountSamples", "getDescription", "getToken"):
        await witness.call(name)
    await witness.call("listSchemas")
    await witness.call("getSchemas", hook_id="sms")
    await witness.call("getSchema", hook_id="sms", schema_version="1")
    for name in ("getSample", "getAccountSample"):
        await witness.call(name, sample_id="webhooks_channel_create")
    for name in ("enableWebhooks", "enableDescendantWebhooks"):
        await witness.call(name, {"re-enable": True})
    await see_a_long_log(witness, described, ids["full"])
    await witness.call("deleteWebhook", webhook_id=ids["full"])
    assert set(witness.operations()) == witness.called
    assert sorted(witness.promised() - witness.seen - OF_EARLIER_VERSIONS) == []
