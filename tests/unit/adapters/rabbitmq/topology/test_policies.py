"""Which policies break what a queue of ours promises, and which do no harm."""

import re
from typing import Any

import pytest
from aiohttp import encode_basic_auth

from service.adapters.rabbitmq.topology.policies import (
    Management,
    Policy,
    applying,
    broken_promises,
)
from service.adapters.rabbitmq.topology.queues import Names, queues

NAMES = Names("switchhook")
QUEUES = queues(NAMES, (5000,))
TIER = NAMES.tier(5000)


@pytest.mark.parametrize(
    ("queue", "policy", "said"),
    [
        (TIER, {"expires": 3_600_000}, ["expires: 3600000"]),
        (NAMES.rejected, {"expires": 1}, ["expires: 1"]),
        (TIER, {"message-ttl": 4999}, ["message-ttl: 4999"]),
        (NAMES.events, {"message-ttl": 86_400_000}, ["message-ttl: 86400000"]),
        (NAMES.events, {"max-length": 10}, ["max-length: 10"]),
        (TIER, {"max-length-bytes": 1 << 30}, ["max-length-bytes: 1073741824"]),
        (NAMES.deliveries, {"delivery-limit": 3}, ["delivery-limit: 3"]),
        (NAMES.rejected, {"overflow": "drop-head"}, ["overflow: drop-head"]),
        (TIER, {"max-length": 1, "expires": 2}, ["expires: 2", "max-length: 1"]),
    ],
)
def test_a_policy_that_breaks_a_promise_is_named(
    queue: str, policy: dict[str, Any], said: list[str]
) -> None:
    assert list(broken_promises(policy, QUEUES[queue])) == said


@pytest.mark.parametrize(
    ("queue", "policy"),
    [
        (TIER, {}),
        (TIER, {"queue-leader-locator": "balanced"}),
        (TIER, {"message-ttl": 5000}),
        (NAMES.events, {"delivery-limit": 20}),
        (NAMES.events, {"overflow": "drop-head"}),  # the queue's own argument counts
        (NAMES.rejected, {"overflow": "reject-publish"}),
    ],
)
def test_a_policy_that_does_no_harm_is_not(queue: str, policy: dict[str, Any]) -> None:
    assert list(broken_promises(policy, QUEUES[queue])) == []


@pytest.mark.parametrize(
    ("url", "user"),
    [
        ("http://127.0.0.1:15672", ("someone", "s3/cr3t")),
        ("http://watcher:pass@127.0.0.1:15672/", ("watcher", "pass")),
    ],
)
def test_the_api_is_asked_by_its_own_user_or_by_the_one_of_amqp(
    url: str, user: tuple[str, str]
) -> None:
    headers = Management(url, "amqp://someone:s3%2Fcr3t@broker/").headers()
    assert headers == {"Authorization": encode_basic_auth(*user)}


@pytest.mark.parametrize(
    ("url", "vhost"), [("amqp://h/", "/"), ("amqp://h/%2F", "/"), ("amqp://h/a%2Fb", "a/b")]
)
def test_the_virtual_host_is_that_of_amqp(url: str, vhost: str) -> None:
    assert Management(None, url).vhost == vhost


def policy(name: str, pattern: str, priority: int, apply_to: str = "queues") -> Policy:
    return Policy("policy", name, re.compile(pattern), apply_to, priority, {})


def test_of_the_policies_that_fit_the_one_of_the_highest_priority_applies() -> None:
    policies = [
        policy("everything", ".*", 0, "all"),
        policy("ours", r"^switchhook\.", 100),
        policy("tier", r"retry\.5s$", 100, "quorum_queues"),
        policy("exchanges", ".*", 200, "exchanges"),
        policy("classic", ".*", 200, "classic_queues"),
        policy("another", "^elsewhere", 300),
    ]

    def names(queue: str) -> list[str]:
        return [found.name for found in applying(policies, queue)]

    assert names(NAMES.dead) == ["ours"]
    assert names(TIER) == ["ours", "tier"]
    assert names("other") == ["everything"]
    assert applying([], TIER) == []
