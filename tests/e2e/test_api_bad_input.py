"""Whatever is wrong with a request: it is named, in Crossbar's envelope, and nothing is stored."""

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

import orjson
import pytest

from tests.api_client import Client, Reply, make_token, problem
from tests.e2e.stage import NewStage, Stage, new_account

MOST_WEBHOOKS = 5
PUBLIC = "https://93.184.216.34/calls"
GOOD = {"name": "crm", "uri": PUBLIC, "hook": "channel_create"}
OPERATOR = {"$gt": ""}
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture(scope="module")
async def strict(new_stage: NewStage) -> AsyncIterator[Stage]:
    """A service that may dial public addresses only."""
    limits = {"SWITCHHOOK_API__MAX_WEBHOOKS_PER_ACCOUNT": str(MOST_WEBHOOKS)}
    async with new_stage(SWITCHHOOK_EGRESS__ALLOW="[]", **limits) as running:
        yield running


@pytest.fixture
async def api(strict: Stage) -> AsyncIterator[Client]:
    """An account that has nothing; neither has it afterwards."""
    client = await strict.tenant()
    yield client
    for collection in ("webhooks", "replays"):
        count = await strict.database[collection].count_documents({"account_id": client.account_id})
        assert count == 0, f"something was stored in {collection}"


@pytest.fixture
async def owner(strict: Stage) -> AsyncIterator[tuple[Client, str]]:
    """An account with one webhook, which is the same afterwards."""
    client = await strict.tenant()
    webhook = await client.create(PUBLIC, secret=SECRET)
    own = {"account_id": client.account_id}
    before = await strict.database["webhooks"].find(own).to_list()
    yield client, webhook["id"]
    assert await strict.database["webhooks"].find(own).to_list() == before


def check_envelope(reply: Reply, *statuses: int) -> None:
    """Hold an error against what Crossbar's look like."""
    envelope = reply.envelope
    assert reply.status in statuses, envelope
    assert envelope["status"] == "error"
    assert envelope["error"] == str(reply.status)
    assert envelope["request_id"] == reply.headers["X-Request-ID"]
    assert isinstance(envelope["message"], str)
    assert isinstance(envelope["data"], dict)
    assert "version" not in envelope


MEMBERS: list[tuple[str, Any, str, str]] = [
    ("name", None, "name", "type"),
    ("name", 1, "name", "type"),
    ("name", "", "name", "minLength"),
    ("name", "x" * 257, "name", "maxLength"),
    ("uri", None, "uri", "type"),
    ("uri", ["https://x.example/"], "uri", "type"),
    ("uri", "", "uri", "minLength"),
    ("uri", f"https://x.example/{'x' * 9000}", "uri", "maxLength"),
    ("hook", "no_such_hook", "hook", "enum"),
    ("hook", 7, "hook", "type"),
    ("http_verb", "delete", "http_verb", "enum"),
    ("http_verb", 1, "http_verb", "enum"),
    ("format", "xml", "format", "enum"),
    ("retries", 9, "retries", "maximum"),
    ("retries", -1, "retries", "minimum"),
    ("retries", "many", "retries", "type"),
    ("retries", 1.5, "retries", "type"),
    ("retries", 10**30, "retries", "error"),
    ("retries", -(10**30), "retries", "error"),
    ("enabled", "maybe", "enabled", "type"),
    ("enabled", [], "enabled", "type"),
    ("include_subaccounts", {}, "include_subaccounts", "type"),
    ("custom_data", "x", "custom_data", "type"),
    ("custom_data", {"n": 1}, "custom_data.n", "type"),
    ("custom_data", {"$gt": ""}, "custom_data.$gt", "invalid"),
    ("custom_data", {"a\0b": "c"}, "custom_data.a\0b", "invalid"),
    ("modifiers", "x", "modifiers", "type"),
    ("modifiers", {"$gt": ""}, "modifiers.$gt", "invalid"),
    ("modifiers", {"$where": ["1"]}, "modifiers.$where", "invalid"),
    ("modifiers", {"a\0b": "c"}, "modifiers.a\0b", "invalid"),
    ("timeout_s", 0.5, "timeout_s", "minimum"),
    ("timeout_s", 31, "timeout_s", "maximum"),
    ("timeout_s", "soon", "timeout_s", "type"),
    ("timeout_s", 1e308, "timeout_s", "maximum"),
    ("headers", "x", "headers", "type"),
    ("headers", {"X-Number": 1}, "headers.X-Number", "type"),
    ("headers", {"$gt": "x"}, "headers.$gt", "error"),
    ("headers", {"a\0b": "c"}, "headers.a\0b", "error"),
    ("headers", {"X-Key": "a\0b"}, "headers.X-Key", "error"),
    ("headers", {"X-Key": "a\r\nX-Other: b"}, "headers.X-Key", "error"),
    ("headers", {"X Key": "b"}, "headers.X Key", "error"),
    ("headers", {"Host": "x.example"}, "headers.Host", "error"),
    ("headers", {"connection": "close"}, "headers.connection", "error"),
    ("headers", {"Transfer-Encoding": "chunked"}, "headers.Transfer-Encoding", "error"),
    ("headers", {"Webhook-Signature": "v1,x"}, "headers.Webhook-Signature", "error"),
    ("headers", {"X-Switchhook-Test": "true"}, "headers.X-Switchhook-Test", "error"),
    ("headers", {f"X-{number}": "x" for number in range(21)}, "headers", "error"),
    ("auth", "x", "auth", "type"),
    ("auth", {}, "auth", "error"),
    ("auth", {"type": "digest"}, "auth", "error"),
    ("auth", {"type": "bearer"}, "auth", "error"),
    ("auth", {"type": "bearer", "token": "a\nb"}, "auth", "error"),
    ("auth", {"type": "basic", "username": "a:b", "password": "hush"}, "auth", "error"),
    ("auth", {"type": "bearer", "token": 7}, "auth.token", "type"),
    ("fallback_uri", "ftp://x.example/", "fallback_uri", "error"),
    ("fallback_uri", "http://10.0.0.1/", "fallback_uri", "error"),
    ("secret", "short", "secret", "minLength"),
    ("secret", "no prefix at all", "secret", "error"),
    ("secret", "whsec_!!!!!!!!", "secret", "error"),
    ("secret", "whsec_c2hvcnQ=", "secret", "error"),
]


@pytest.mark.parametrize(
    ("member", "value", "field", "code"),
    MEMBERS,
    ids=[f"{member}={str(value)[:30]!r}" for member, value, _, _ in MEMBERS],
)
async def test_a_bad_member_is_named_with_crossbars_code(
    api: Client, member: str, value: Any, field: str, code: str
) -> None:
    for body in ({"data": GOOD | {member: value}}, GOOD | {member: value}):
        reply = await api.ask("PUT", "webhooks", body)
        check_envelope(reply, 400)
        assert code in problem(reply, field), reply.data


async def test_details_are_crossbars_and_quote_no_secret(api: Client) -> None:
    bad = {"http_verb": "delete", "retries": 9, "secret": "hush-hush", "name": None}
    reply = await api.put("webhooks", **GOOD | bad)
    assert problem(reply, "http_verb")["enum"] == {
        "message": "Value not found in enumerated list of values",
        "target": ["get", "post", "put"],
        "value": "delete",
    }
    maximum = problem(reply, "retries")["maximum"]
    assert (maximum["target"], maximum["value"]) == (5, 9)
    assert problem(reply, "name")["type"]["target"] == "string"
    assert "hush" not in json.dumps(reply.envelope)


async def test_everything_that_is_missing_is_named_at_once(api: Client) -> None:
    for body in (b"", b"{}", b'{"data": {}}', b'{"data": {"retries": 1}}'):
        reply = await api.ask("PUT", "webhooks", raw=body)
        check_envelope(reply, 400)
        for field in GOOD:
            assert problem(reply, field)["required"]["value"] == field


async def test_an_unknown_hook_is_answered_with_those_there_are(api: Client) -> None:
    catalogue = await api.get("/v2/webhooks")
    offered = {hook["id"] for hook in catalogue.data} | {"all"}
    reply = await api.put("webhooks", **GOOD | {"hook": "channel_dream"})
    enum = problem(reply, "hook")["enum"]
    assert set(enum["target"]) == offered
    filtered = await api.put(
        "webhooks", **GOOD | {"hook": "notifications", "custom_data": {"type": "no_such_type"}}
    )
    assert "missed_call" in problem(filtered, "custom_data.type")["enum"]["target"]


@pytest.mark.parametrize(
    "uri",
    [
        "ftp://93.184.216.34/",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "gopher://93.184.216.34/",
        "//93.184.216.34/",
        "not a uri",
        "http://",
        "http:///path",
        "http://user:pw@93.184.216.34/",
        "http://93.184.216.34:0/",
        "http://93.184.216.34:99999/",
        "http://93.184.216.34/\r\nX-Injected: 1",
        "http://93.184.216.34/\0",
        " http://93.184.216.34/",
        "http://127.0.0.1/",
        "http://127.0.0.1:8080/",
        "http://10.0.0.1/",
        "http://172.16.0.1/",
        "http://192.168.0.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://100.64.0.1/",
        "http://0.0.0.0/",
        "http://255.255.255.255/",
        "http://[::1]/",
        "http://[::]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[fd00::1]/",
        "http://[fe80::1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0x7f.0.0.1/",
        "http://0177.0.0.1/",
        "http://017700000001/",
        "http://127.1/",
        "http://0/",
        "http://localhost/",
        "http://LOCALHOST/",
        "http://127。0。0。1/",
        "http://①②⑦.0.0.1/",
    ],
)
async def test_a_uri_that_may_not_be_asked_is_refused(api: Client, uri: str) -> None:
    for field in ("uri", "fallback_uri"):
        reply = await api.put("webhooks", **GOOD | {field: uri})
        check_envelope(reply, 400)
        assert problem(reply, field)["error"]["message"].startswith("invalid client URL")


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        (b"{", "json"),
        (b'{"data": {"name": "x",}}', "json"),
        (b"\xff\xfe{}", "json"),
        (b'{"name": "\\ud800"}', "json"),
        (b'{"name": NaN}', "json"),
        (b"name=crm&hook=all", "json"),
        (b"[]", "body"),
        (b'"text"', "body"),
        (b"1", "body"),
        (b"null", "body"),
        (b'{"data": []}', "data"),
        (b'{"data": "x"}', "data"),
        (b'{"data": null}', "data"),
        (b"[" * 2000 + b"]" * 2000, "json"),
        (b'{"data":' * 2000 + b"1" + b"}" * 2000, "json"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_a_body_that_is_no_object_is_refused(api: Client, raw: bytes, field: str) -> None:
    reply = await api.ask("PUT", "webhooks", raw=raw)
    check_envelope(reply, 400)
    assert problem(reply, field)


async def test_a_body_that_is_too_large_is_refused(api: Client) -> None:
    reply = await api.put("webhooks", **GOOD, padding="x" * 2_000_000)
    check_envelope(reply, 413)


async def test_a_body_that_is_not_packed_as_it_says_is_refused(api: Client) -> None:
    packed = {"Content-Encoding": "gzip"}
    reply = await api.ask("PUT", "webhooks", raw=orjson.dumps(GOOD), headers=packed)
    check_envelope(reply, 400)


DEEP = 950
"""What JSON's parser lets through, but not everything that comes after it."""


@pytest.mark.parametrize("member", ["name", "retries", "enabled", "custom_data", "secret", "auth"])
async def test_a_value_that_is_nested_deeply_is_refused(api: Client, member: str) -> None:
    good = orjson.dumps(GOOD | {member: "HERE"})
    for deep in (b"[" * DEEP + b"]" * DEEP, b'{"a":' * DEEP + b"1" + b"}" * DEEP):
        reply = await api.ask("PUT", "webhooks", raw=good.replace(b'"HERE"', deep))
        check_envelope(reply, 400)
        assert any(field.startswith(member) for field in reply.data), reply.data


async def test_an_event_that_is_nested_deeply_is_refused(api: Client) -> None:
    deep = b"[" * DEEP + b"]" * DEEP
    raw = b'{"hook": "channel_create", "event": {"Custom": ' + deep + b"}}"
    reply = await api.ask("POST", "webhooks/match", raw=raw)
    check_envelope(reply, 400)
    assert "event" in reply.data


def body_models(description: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any], Any]]:
    """Yield method, path, example and properties of every operation that takes a body."""
    models = description["components"]["schemas"]
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            if "requestBody" in operation:
                content = operation["requestBody"]["content"]["application/json"]
                reference = content["schema"]["properties"]["data"]["$ref"]
                properties = models[reference.rpartition("/")[2]]["properties"]
                yield method.upper(), path, content["example"]["data"], properties


async def test_an_operator_of_the_store_is_refused_in_every_member_of_every_body(
    strict: Stage, owner: tuple[Client, str]
) -> None:
    api, webhook_id = owner
    description = (await api.get("/v2/openapi.json")).envelope
    asked = 0
    for method, path, example, properties in body_models(description):
        where = path.format(account_id=api.account_id, webhook_id=webhook_id)
        good = {**example, "uri": PUBLIC} if "uri" in example else example
        for member in properties:
            if member == "event":
                continue  # its members are the switch's own
            reply = await api.ask(method, where, {"data": good | {member: OPERATOR}})
            check_envelope(reply, 400)
            named = [field for field in reply.data if field.split(".")[0] == member]
            assert named, (method, path, member, reply.data)
            asked += 1
    assert asked > 40
    filters = description["components"]["schemas"]["LetterFilter"]["properties"]
    for member in filters:
        order = {"filter": {member: OPERATOR}, "dry_run": True}
        reply = await api.post("dead_letters/replay", **order)
        check_envelope(reply, 400)
        assert any(field.startswith(f"filter.{member}") for field in reply.data)
    reply = await api.post("dead_letters/replay", ids=[OPERATOR], dry_run=True)
    assert any(field.startswith("ids.0") for field in reply.data)
    assert await strict.database["replays"].count_documents({}) == 0


@pytest.mark.parametrize("key", ["$gt", "a\0b"])
async def test_a_name_of_a_credential_that_the_store_could_misread_is_refused(
    owner: tuple[Client, str], key: str
) -> None:
    api, webhook_id = owner
    auth = {"type": "bearer", "token": "t", key: "x"}
    reply = await api.patch(f"webhooks/{webhook_id}", auth=auth)
    check_envelope(reply, 400)
    assert any(field.startswith("auth") for field in reply.data)


async def test_an_operator_as_a_posted_event_is_no_operator(owner: tuple[Client, str]) -> None:
    api, _ = owner
    for event in (OPERATOR, {"Call-ID": OPERATOR}, {"Custom-Channel-Vars": OPERATOR}):
        reply = await api.post("webhooks/match", hook="channel_create", event=event)
        assert reply.status in (200, 400)


async def test_operators_in_the_query_select_nothing_more(owner: tuple[Client, str]) -> None:
    api, webhook_id = owner
    listed = await api.get("webhooks", **{"filter_hook[$ne]": "x"})
    assert (listed.status, listed.data) == (200, [])
    text = '{"$gt":""}'
    assert (await api.get("webhooks", filter_hook=text)).data == []
    before = await api.get("webhooks", start_key=text)
    assert [item["id"] for item in before.data] in ([], [webhook_id])
    for path in ("webhooks/attempts", f"webhooks/{webhook_id}/attempts", "dead_letters"):
        reply = await api.get(path, **{"filter_hook[$ne]": "x"})
        assert problem(reply, "filter_hook[$ne]")
        assert (await api.get(path, filter_hook=text)).data == []
        assert (await api.get(path, call_id=text)).data == []
        assert (await api.get(path, start_key=text)).status in (200, 400)
    assert problem(await api.get("dead_letters", start_key=text), "start_key")
    assert (await api.get(f"webhooks/{text}")).status == 404
    assert (await api.get(f"dead_letters/{text}")).status == 404
    token = await api.ask("GET", "webhooks", headers={"X-Auth-Token": text})
    assert token.status == 401


@pytest.mark.parametrize("path", ["webhooks", "webhooks/attempts", "dead_letters"])
@pytest.mark.parametrize("size", ["0", "-1", "abc", "1.5", "100000", str(10**30), ""])
async def test_a_page_size_out_of_bounds_is_refused(api: Client, path: str, size: str) -> None:
    reply = await api.get(path, page_size=size)
    check_envelope(reply, 400)
    assert problem(reply, "page_size")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("paginate", "maybe"),
        ("created_from", "yesterday"),
        ("created_to", "-1"),
        ("created_from", str(10**30)),
        ("created_from", "1"),
        ("created_from", "9" * 39),
        ("start_key", "x" * 201),
        ("filter_resp_status_code", "99"),
        ("filter_resp_status_code", str(10**30)),
        ("filter_result", "maybe"),
    ],
)
async def test_a_bad_parameter_is_named(api: Client, name: str, value: str) -> None:
    reply = await api.get("webhooks/attempts", **{name: value})
    check_envelope(reply, 400)
    assert problem(reply, name)


async def test_nul_characters_find_nothing_and_break_nothing(owner: tuple[Client, str]) -> None:
    api, _ = owner
    for path in ("webhooks/%00", "webhooks/a%00b/attempts/c%00d", "dead_letters/%00"):
        assert (await api.get(path)).status == 404
    for path in ("webhooks/attempts", "dead_letters"):
        assert (await api.get(path, call_id="a\0b")).data == []
    assert (await api.get("webhooks", filter_name="a\0b", has_key="\0")).data == []
    assert (await api.get("dead_letters", start_key="0-\0")).data == []
    reply = await api.post("webhooks/match", hook="channel_create", event={"a\0b": "c\0d"})
    assert reply.status == 200
    assert (await api.ask("GET", "/v2/accounts/a%00b/webhooks")).status in (403, 404)


async def test_what_is_beside_all_paths_is_answered_in_an_envelope(api: Client) -> None:
    for path in ("/", "/v2", "/v2/nothing", "/v2/accounts", "nothing", "webhooks/a/b/c/d/e"):
        reply = await api.ask("GET", path)
        check_envelope(reply, 404)
        assert reply.envelope["message"] == "not_found"
    reply = await api.ask("PUT", "webhooks/attempts")
    check_envelope(reply, 405)
    assert reply.envelope["message"] == "invalid_method"
    assert "GET" in reply.headers["Allow"].split(", ")
    check_envelope(await api.ask("GET", "/v1/accounts/x/webhooks"), 410)


async def test_an_account_may_have_no_more_webhooks_than_the_operator_allows(strict: Stage) -> None:
    api = await strict.tenant()
    for _ in range(MOST_WEBHOOKS):
        await api.create(PUBLIC)
    reply = await api.put("webhooks", **GOOD)
    check_envelope(reply, 409)
    assert str(MOST_WEBHOOKS) in reply.data["message"]
    assert len((await api.get("webhooks")).data) == MOST_WEBHOOKS


async def test_a_bad_edit_changes_nothing(owner: tuple[Client, str]) -> None:
    api, webhook_id = owner
    for method in ("POST", "PATCH"):
        for member, value, field, code in MEMBERS:
            if value is None:
                continue  # in an edit it removes the member
            reply = await api.ask(method, f"webhooks/{webhook_id}", {"data": {member: value}})
            assert code in problem(reply, field), (method, member, value)


async def test_an_account_id_that_is_none_is_not_found(strict: Stage) -> None:
    token = await make_token(strict.database, None)
    superuser = strict.client(token, new_account(), strict.service)
    for account_id in ("x" * 65, "$gt", "a.b", '{"$gt":""}', "a b"):
        reply = await superuser.ask("GET", f"/v2/accounts/{account_id}/webhooks")
        check_envelope(reply, 404)
