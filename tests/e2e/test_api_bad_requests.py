"""Bad bodies, parameters and paths: named, in Crossbar's envelope, and nothing is stored."""

import orjson
import pytest

from tests.api_client import Client, problem
from tests.e2e.shared_service import SharedService
from tests.e2e.strict import GOOD, MOST_WEBHOOKS, PUBLIC, check_envelope


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
        (b'{"data": {"name": ' + b"[" * 1000 + b"]" * 1000 + b"}}", "name"),
        (b'{"data":' * 2000 + b"1" + b"}" * 2000, "json"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_a_body_that_is_no_object_is_refused(api: Client, raw: bytes, field: str) -> None:
    reply = await api.ask("PUT", "webhooks", raw=raw)
    check_envelope(reply, 400)
    assert problem(reply, field)


async def test_what_is_mistyped_is_told_with_what_may_be_meant(api: Client) -> None:
    reply = await api.ask("PUT", "webhooks", raw=b'{\n "name": "crm",\n "uri": tru}')
    problem_found = problem(reply, "json")["invalid"]
    assert (problem_found["line"], problem_found["column"]) == (3, 9)
    reply = await api.put("webhooks", name="crm", hook="sms", url=PUBLIC)
    assert "did you mean uri" in problem(reply, "uri")["required"]["message"]


async def test_a_member_that_means_nothing_is_no_error_and_is_told(api: Client) -> None:
    reply = await api.post("webhooks/match", hook="channel_create", evnt={}, zzz=1)
    assert reply.status == 200, reply.envelope
    notes = reply.envelope["metadata"]
    assert notes == {"ignored": ["evnt", "zzz"], "did_you_mean": {"evnt": "event"}}


async def test_a_body_that_is_too_large_is_refused(api: Client) -> None:
    reply = await api.put("webhooks", **GOOD, padding="x" * 2_000_000)
    check_envelope(reply, 413)


async def test_a_body_that_is_not_packed_as_it_says_is_refused(api: Client) -> None:
    packed = {"Content-Encoding": "gzip"}
    reply = await api.ask("PUT", "webhooks", raw=orjson.dumps(GOOD), headers=packed)
    check_envelope(reply, 400)


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


async def test_what_is_beside_all_paths_is_answered_in_an_envelope(api: Client) -> None:
    for path in ("/v2", "/v2/nothing", "/v2/accounts", "nothing", "webhooks/a/b/c/d/e"):
        reply = await api.ask("GET", path)
        check_envelope(reply, 404)
        assert reply.envelope["message"] == "not_found"
    reply = await api.ask("PUT", "webhooks/attempts")
    check_envelope(reply, 405)
    assert reply.envelope["message"] == "invalid_method"
    assert "GET" in reply.headers["Allow"].split(", ")
    check_envelope(await api.ask("GET", "/v1/accounts/x/webhooks"), 410)


async def test_an_account_may_have_no_more_webhooks_than_the_operator_allows(
    strict: SharedService,
) -> None:
    api = await strict.tenant()
    for _ in range(MOST_WEBHOOKS):
        await api.create(PUBLIC)
    reply = await api.put("webhooks", **GOOD)
    check_envelope(reply, 409)
    assert str(MOST_WEBHOOKS) in reply.data["message"]
    assert len((await api.get("webhooks")).data) == MOST_WEBHOOKS
