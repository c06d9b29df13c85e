"""What alarms and dashboard ask for is what service and broker really expose."""

import re
from typing import Any

import pytest
import yaml

from service.dev.dashboard import queries
from service.dev.receiver import Answer, Receiver
from service.domain.errors import SwitchhookError
from tests.e2e.harness import call_event, eventually, switch, webhook_document
from tests.watch.promtool import RULE_FILES, alerts
from tests.watch.scene import Scene

ALARM = 'ALERTS{alertname="SwitchhookBrokerBlocked"}'


def _rules() -> list[dict[str, Any]]:
    files = (yaml.safe_load(path.read_text("utf-8")) for path in RULE_FILES)
    return [rule for file in files for group in file["groups"] for rule in group["rules"]]


async def test_every_target_of_the_configuration_answers(scene: Scene) -> None:
    assert await scene.prometheus.targets() == {
        "switchhook": "up", "rabbitmq": "up", "rabbitmq-queues": "up",
    }  # fmt: skip


async def test_every_query_of_the_dashboard_has_data(scene: Scene) -> None:
    asked = queries()
    assert len(asked) > 40
    empty = [query for query in asked if not await scene.prometheus.query(query)]
    assert empty == []


async def test_every_metric_that_a_rule_names_exists(scene: Scene) -> None:
    named = set(re.findall(r"\b((?:switchhook|rabbitmq)_\w+)", str(_rules())))
    assert len(named) > 20
    assert named - await scene.prometheus.names() == set()


async def test_every_rule_can_be_asked_and_recorded(scene: Scene) -> None:
    for rule in _rules():
        await scene.prometheus.query(rule["expr"])
        if "record" in rule:
            assert await scene.prometheus.query(rule["record"]), rule["record"]
    with pytest.raises(SwitchhookError):
        await scene.prometheus.query("sum by (")


async def test_no_alarm_is_raised_while_all_is_well(scene: Scene) -> None:
    raised = {
        sample["metric"]["alertname"]
        for sample in await scene.prometheus.query('ALERTS{alertname=~"Switchhook.+"}')
    }
    assert raised == set(), alerts().keys()


async def test_a_broker_that_takes_no_messages_is_seen(
    scene: Scene, slow_receiver: Receiver
) -> None:
    account = "d" * 32
    slow_receiver.script("/slow", Answer(503, delay_s=2))
    uri = slow_receiver.url("/slow")
    document = webhook_document(uri, _id="e" * 32, account_id=account, retries=5)
    await scene.database["webhooks"].insert_one(document)
    async with switch(scene.broker.url) as kazoo:
        await kazoo.publish(call_event("c-blocked", account_id=account))
    await scene.broker.control("set_vm_memory_high_watermark", "absolute", "1MB")
    try:
        await eventually(lambda: _readiness(scene, "it takes no messages"), 30, "the block")
        await eventually(lambda: scene.value("switchhook_broker_blocked"), what="the gauge")
        await eventually(lambda: scene.value(ALARM), what="the alarm")
        assert await scene.value("max(rabbitmq_alarms_memory_used_watermark)") == 1
    finally:
        await scene.broker.control("set_vm_memory_high_watermark", "0.4")
    await eventually(lambda: _readiness(scene, '"status": "ok"'), 30, "the recovery")


async def _readiness(scene: Scene, words: str) -> bool:
    _, text = await scene.service.get("/readyz")
    return words in text
