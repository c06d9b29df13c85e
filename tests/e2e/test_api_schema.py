"""The running API keeps what its description promises, whatever is asked of it."""

import asyncio
import json
import sys
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode, openapi
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from service.dev.receiver import Receiver
from tests.api_client import Client, make_token
from tests.e2e.harness import eventually
from tests.e2e.paths import is_stream
from tests.e2e.shared_service import SharedService, StartShared

CHECKS = {
    check.__name__: check
    for check in (
        not_a_server_error,
        status_code_conformance,
        content_type_conformance,
        response_headers_conformance,
        response_schema_conformance,
        ignored_auth,
    )
}
LEAST_CASES = 2000
FUZZED_EACH = 22
"""For each operation, beside the 1500 cases that are made without chance."""
OPERATIONS = 47
FAILING_WEBHOOKS = 20
SPARE_WEBHOOKS = 100
DISCARD = "/v2/accounts/{account_id}/dead_letters/discard"
"""Left out: it would delete what other operations need. Its body is that of a replay."""
WEBHOOK = "/v2/accounts/{account_id}/webhooks/{webhook_id}"


@pytest.fixture(scope="module")
async def described(new_shared: StartShared) -> AsyncIterator[SharedService]:
    """A service of its own: whatever is asked of it keeps it busy for a while."""
    async with new_shared(SWITCHHOOK_BREAKER__FAILURE_COUNT="10000") as running:
        yield running


async def seeded(shared: SharedService, receiver: Receiver) -> tuple[Client, dict[str, list[str]]]:
    """Return an account that has some of everything, and the ids of all that."""
    api = await shared.tenant()
    receiver.script("/bad", 500)
    kept = await api.create(receiver.url("/good"), extras=["sequence"])
    for _ in range(FAILING_WEBHOOKS):
        await api.create(receiver.url("/bad"), retries=0)
    await shared.call(api.account_id, "c-1", "c-2", "c-3")

    async def dead_letters() -> list[Any]:
        letters: list[Any] = (await api.get("dead_letters", paginate="false")).data
        return letters if len(letters) == 3 * FAILING_WEBHOOKS else []

    async def attempts() -> list[Any]:
        made: list[Any] = (await api.get(f"webhooks/{kept['id']}/attempts")).data
        return made if len(made) == 3 else []

    letters = await eventually(dead_letters, what="the dead letters")
    made = await eventually(attempts, what="the attempts")
    spare = [await api.create(receiver.url("/spare")) for _ in range(SPARE_WEBHOOKS)]
    # The first ones take long, and the others wait for them.
    order = {"filter": {}, "rate_per_s": 0.1}
    replays = [(await api.post("dead_letters/replay", **order)).data for _ in range(50)]
    return api, {
        "kept_id": [kept["id"]],
        "webhook_id": [webhook["id"] for webhook in spare],
        "attempt_id": [attempt["id"] for attempt in made],
        "delivery_id": [letter["id"] for letter in letters],
        "replay_id": [replay["id"] for replay in replays],
        "rejected_id": [await rejected_message(shared)],
        "call_id": ["c-1", "c-2", "c-3"],
        "sample_id": ["webhooks_channel_create", "sms"],
        "hook_id": ["channel_create", "sms"],
        "schema_version": ["1"],
    }


async def rejected_message(shared: SharedService) -> str:
    """Put a rejected message into the store, as if it had been taken from the queue."""
    message = {
        "_id": "odd", "reason": "not_json", "detail": "", "exchange": "callevt",
        "routing_key": "call.x", "queue": "switchhook.events", "content_encoding": None,
        "body": b"{]", "size": 2, "taken_at": datetime.now(UTC),
    }  # fmt: skip
    await shared.database["rejected"].insert_one(message)
    return "odd"


def configuration(account_id: str, things: Mapping[str, Sequence[str]]) -> str:
    """Return a configuration that has the cases name things that exist; an attempt is one's own."""
    lines = []
    for name, ids in things.items():
        lines += [f"[dictionaries.{name}]", f"values = {json.dumps(ids)}"]
    lines += ["[parameters]", f'"path.account_id" = "{account_id}"']
    lines += [
        f'"path.{name}" = {{ dictionary = "{name}" }}' for name in things if name != "kept_id"
    ]
    lines += ["[[operations]]", f'include-path = "{DISCARD}"', "enabled = false"]
    for below in ("", "/replay"):
        lines += ["[[operations]]", f'include-path = "{WEBHOOK}/attempts/{{attempt_id}}{below}"']
        lines += [
            "[operations.parameters]",
            f'"path.account_id" = "{account_id}"',
            '"path.attempt_id" = { dictionary = "attempt_id" }',
            '"path.webhook_id" = { dictionary = "kept_id" }',
        ]
    # Answers without end are looked at elsewhere.
    lines += ["[[operations]]", 'include-path-regex = "/stream/"', "enabled = false"]
    return "\n".join([*lines, ""])


async def covered(directory: Path, url: str, token: str) -> tuple[Any, str]:
    """Run the command from its configuration in the directory; return its report, and its output.

    It derives its cases from the description, without chance.
    """
    report = directory / "report.json"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "schemathesis.cli", "run", url, "--no-color"),
        *("--header", f"X-Auth-Token: {token}", "--checks", ",".join(CHECKS)),
        *("--phases", "coverage", "--continue-on-failure", "--warnings", "off", "--seed", "1"),
        *("--report", "json", "--report-json-path", str(report)),
        cwd=directory,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    text = output.decode()
    assert report.exists(), text
    return json.loads(report.read_text()), text


@dataclass
class Fuzzer:
    """Sends cases made by chance, which is the same in every run, and counts the answers."""

    token: str
    things: Mapping[str, Sequence[str]]
    session: requests.Session = field(default_factory=requests.Session)
    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)

    def fuzz_all(self, url: str) -> None:
        """Raise what schemathesis finds; it tells how to repeat the failing case."""
        with self.session:
            schema = openapi.from_url(url)
            found: list[Any] = list(schema.get_all_operations())
            every = [result.ok() for result in found]
            plain = [one for one in every if not is_stream(one.definition.raw)]
            operations = [one for one in plain if one.path != DISCARD]
            # What deletes comes last, so that the others find something.
            for operation in sorted(operations, key=lambda one: one.method == "delete"):
                self._fuzz(operation)

    def _fuzz(self, operation: Any) -> None:
        cases = st.one_of(*(operation.as_strategy(mode) for mode in GenerationMode))

        @settings(
            max_examples=FUZZED_EACH,
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(self._aimed(cases))
        def run(case: Any) -> None:
            headers = {"X-Auth-Token": self.token}
            response = case.call(session=self.session, headers=headers)
            self.statuses[operation.label, response.status_code] += 1
            case.validate_response(response, checks=[*CHECKS.values()])

        run()

    def _aimed(self, cases: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        """Let most cases name things that exist; otherwise all of them would be answered 404."""

        @st.composite
        def aimed(draw: st.DrawFn) -> Any:
            case = draw(cases)
            for name in case.path_parameters:
                if name in self.things and draw(st.integers(0, 9)):
                    case.path_parameters[name] = draw(st.sampled_from(self.things[name]))
            if "attempt_id" in case.path_parameters:
                case.path_parameters["webhook_id"] = self.things["kept_id"][0]
            return case

        return aimed()


async def test_two_thousand_requests_find_no_500_and_no_answer_outside_its_schema(
    described: SharedService, receiver: Receiver, tmp_path: Path
) -> None:
    api, things = await seeded(described, receiver)
    token = await make_token(described.database, None)
    (tmp_path / "schemathesis.toml").write_text(configuration(api.account_id, things))
    url = f"{described.url}/v2/openapi.json"
    fuzzer = Fuzzer(token, {**things, "account_id": [api.account_id]})

    (report, text), _ = await asyncio.gather(
        covered(tmp_path, url, token), asyncio.to_thread(fuzzer.fuzz_all, url)
    )

    assert report["failures"] == [], text
    assert report["errors"] == [], text
    assert report["complete"], text
    assert report["operations"]["tested"] == OPERATIONS
    assert report["test_cases"]["generated"] + fuzzer.statuses.total() >= LEAST_CASES
    accepted = {label for label, status in fuzzer.statuses if status < 300}
    accepted |= {
        label
        for label, phases in report["valid_rates"].items()
        if any(counts["accepted"] for counts in phases.values())
    }
    missing = set(report["valid_rates"]) - accepted
    assert not missing, "every operation was seen to succeed"
    assert b"api.bug" not in described.service.log.read_bytes()
