"""Webhooks that are wrong in a member: it is named with Crossbar's code, and nothing is stored."""

import json
from typing import Any

import pytest

from tests.api_client import Client, problem
from tests.e2e.strict import GOOD, check_envelope

MEMBERS: list[tuple[str, Any, str, str]] = [
    ("name", None, "name", "type"),
    ("name", 1, "name", "type"),
    ("name", "", "name", "minLength"),
    ("name", "x" * 257, "name", "maxLength"),
    ("uri", None, "uri", "type"),
    ("uri", ["https://x.example/"], "uri", "type"),
    ("uri", "", "uri", "minLength"),
    ("uri", f"https://x.example/{'x' * 9000}", "uri", "maxLength"),
    ("uri", "http://93.184.216.34/\r\nX-Injected: 1", "uri", "invalid"),
    ("uri", "http://93.184.216.34/\0", "uri", "invalid"),
    ("fallback_uri", "http://93.184.216.34/\r\nX-Injected: 1", "fallback_uri", "invalid"),
    ("fallback_uri", "http://93.184.216.34/\0", "fallback_uri", "invalid"),
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
    ("max_age_s", -1, "max_age_s", "minimum"),
    ("max_age_s", 10**9, "max_age_s", "maximum"),
    ("max_age_s", "x", "max_age_s", "type"),
    ("max_age_s", True, "max_age_s", "invalid"),
    ("headers", "x", "headers", "type"),
    ("headers", {"X-Number": 1}, "headers.X-Number", "type"),
    ("headers", {"$gt": "x"}, "headers.$gt", "error"),
    ("headers", {"a\0b": "c"}, "headers.a\0b", "invalid"),
    ("headers", {"X-Key": "a\0b"}, "headers.X-Key", "invalid"),
    ("headers", {"X-Key": "a\r\nX-Other: b"}, "headers.X-Key", "invalid"),
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
    ("auth", {"type": "bearer", "token": "a\nb"}, "auth.token", "invalid"),
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


async def test_a_webhook_that_would_be_too_large_is_refused(owner: tuple[Client, str]) -> None:
    api, webhook_id = owner
    for large in (
        {"custom_data": {"x": "y" * 33_000}},
        {"modifiers": {"x": list(range(10_000))}},
    ):
        (field,) = large
        assert problem(await api.put("webhooks", **GOOD, **large), field)["maxLength"]
        reply = await api.patch(f"webhooks/{webhook_id}", **large)
        assert "at most 32768" in problem(reply, field)["maxLength"]["message"]


async def test_a_bad_edit_changes_nothing(owner: tuple[Client, str]) -> None:
    api, webhook_id = owner
    for method in ("POST", "PATCH"):
        for member, value, field, code in MEMBERS:
            if value is None:
                continue  # in an edit it removes the member
            reply = await api.ask(method, f"webhooks/{webhook_id}", {"data": {member: value}})
            assert code in problem(reply, field), (method, member, value)
