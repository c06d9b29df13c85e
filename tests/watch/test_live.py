"""What alarms and dashboard ask for is what service and broker really expose."""

import re
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
import yaml

from service.dev.dashboard import queries
from service.dev.receiver import Receiver, ScriptedAnswer
from service.domain.errors import SwitchhookError
from tests.e2e.harness import call_event, eventually, switch, webhook_document
from tests.watch.monitored import Monitored
from tests.watch.promtool import RULE_FILES, alerts

WATERMARK = "max(rabbitmq_alarms_memory_used_watermark)"
ALARM = 'ALERTS{alertname="SwitchhookBrokerBlocked"}'


def _rules() -> list[dict[str, Any]]:
    files = (yaml.safe_load(path.read_text("utf-8")) for path in RULE_FILES)
    return [rule for file in files for group in file["groups"] for rule in group["rules"]]


async def test_every_target_of_the_configuration_answers(monitored: Monitored) -> None:
    wanted = {"switchhook": "up", "rabbitmq": "up", "rabbitmq-queues": "up"}

    async def all_up() -> bool:
        return await monitored.prometheus.targets() == wanted

    # Each target is scraped at a time of its own.
    await eventually(all_up, what=f"{wanted}")


async def test_every_query_of_the_dashboard_has_data(monitored: Monitored) -> None:
    asked = queries()
    assert len(asked) > 40
    for query in asked:
        await eventually(partial(monitored.prometheus.query, query), what=query)


async def test_every_metric_that_a_rule_names_exists(monitored: Monitored) -> None:
    named = set(re.findall(r"\b((?:switchhook|rabbitmq)_\w+)", str(_rules())))
    assert len(named) > 20

    async def all_there() -> bool:
        return named <= await monitored.prometheus.names()

    with suppress(AssertionError):
        await eventually(all_there)
    assert named - await monitored.prometheus.names() == set()


async def test_every_rule_can_be_asked_and_recorded(monitored: Monitored) -> None:
    for rule in _rules():
        await monitored.prometheus.query(rule["expr"])
        if "record" in rule:
            recorded = partial(monitored.prometheus.query, rule["record"])
            await eventually(recorded, what=rule["record"])
    with pytest.raises(SwitchhookError):
        await monitored.prometheus.query("sum by (")


async def test_no_alarm_is_raised_while_all_is_well(monitored: Monitored) -> None:
    raised = {
        sample["metric"]["alertname"]
        for sample in await monitored.prometheus.query('ALERTS{alertname=~"Switchhook.+"}')
    }
    assert raised == set(), alerts().keys()


async def test_a_broker_that_takes_no_messages_is_seen(
    monitored: Monitored, slow_receiver: Receiver
) -> None:
    account = "d" * 32
    slow_receiver.script("/slow", ScriptedAnswer(503, delay_s=2))
    uri = slow_receiver.url("/slow")
    document = webhook_document(uri, _id="e" * 32, account_id=account, retries=5)
    await monitored.database["webhooks"].insert_one(document)
    async with switch(monitored.broker.url) as kazoo:
        await kazoo.publish(call_event("c-blocked", account_id=account))
    await monitored.broker.control("set_vm_memory_high_watermark", "absolute", "1MB")
    try:
        await eventually(lambda: _readiness(monitored, "it takes no messages"), 30, "the block")
        await eventually(lambda: monitored.value("switchhook_broker_blocked"), what="the gauge")
        await eventually(lambda: monitored.value(ALARM), what="the alarm")
        # The broker is scraped at another time than the service.
        await eventually(lambda: monitored.value(WATERMARK), what="the broker's own figure")
        assert await monitored.value(WATERMARK) == 1
    finally:
        await monitored.broker.control("set_vm_memory_high_watermark", "0.4")
    await eventually(lambda: _readiness(monitored, '"status": "ok"'), 30, "the recovery")


async def _readiness(monitored: Monitored, words: str) -> bool:
    _, text = await monitored.service.get("/readyz")
    return words in text
