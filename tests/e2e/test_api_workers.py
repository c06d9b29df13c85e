"""Workers and certificates, for operators."""

from datetime import UTC, datetime, timedelta
from typing import Any

from service.dev.receiver import Receiver
from tests.api_client import Client, check_error, make_token
from tests.e2e.browser import Browser, signed_in
from tests.e2e.harness import eventually
from tests.e2e.shared_service import SharedService, attempts_of


async def test_an_operator_sees_every_worker_and_the_certificates_they_met(
    shared: SharedService, browser: Browser, tenant: Client, receiver: Receiver
) -> None:
    # Workers that earlier tests killed are listed for some minutes.
    others = {"pid": {"$ne": shared.service.pid}}
    await shared.database["workers"].delete_many(others)
    await tenant.create(receiver.url("/a"))
    await shared.call(tenant.account_id, "one")
    await attempts_of(tenant, 1)
    token = await make_token(shared.database, None)
    operator = shared.client(token, tenant.account_id, shared.service)

    async def seen() -> Any:
        found = (await operator.get("/v2/workers")).data
        return [one for one in found if one["last_event_at"]]

    (worker,) = await eventually(seen)
    assert (worker["pid"], worker["state"]) == (shared.service.pid, "ok")
    dead = {
        "_id": "gone:1", "host": "gone.example", "pid": 1, "number": 2, "version": "1",
        "started_at": datetime.now(UTC), "seen_at": datetime.now(UTC) - timedelta(minutes=1),
        "checks": {}, "in_flight": 0, "unsettled": 0, "last_event_at": None,
        "certificates": [{"host": "old.example", "expires_at": datetime.now(UTC)}],
    }  # fmt: skip
    await shared.database["workers"].insert_one(dead)
    first = (await operator.get("/v2/workers")).data[0]
    assert (first["host"], first["state"]) == ("gone.example", "silent")
    (certificate,) = (await operator.get("/v2/certificates")).data
    assert certificate["host"] == "old.example"
    await signed_in(browser, token)
    assert "gone.example" in await browser.page("/console/workers")
    assert "old.example" in await browser.page("/console/by-endpoint")
    await shared.database["workers"].delete_one({"_id": "gone:1"})
    for path in ("/v2/workers", "/v2/certificates"):
        check_error(await tenant.get(path), 403, "forbidden")
    await signed_in(browser, tenant.token)
    await browser.page("/console/workers", 404)
