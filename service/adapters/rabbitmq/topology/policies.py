"""Check for broker policies that break a promise of our queues.

AMQP does not report policies: neither a declaration nor a passive one shows them. RabbitMQ's
management API does, to a user with the tag `management`. The check requests the policies
themselves, because the API's data on a queue is seconds old.
"""

import json
import re
from base64 import b64encode
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote

import aiohttp
from yarl import URL

from service.adapters.rabbitmq.topology.queues import DELIVERY_LIMIT, Names, queues
from service.domain.finding import Finding, fine, trouble, warning

TIMEOUT_S = 5.0
GUEST = URL("//guest:guest@")
OPERATOR = "operator policy"
KINDS = {"policy": "policies", OPERATOR: "operator-policies"}
"""Kinds of policies, of which one each applies to a queue, with their paths in the API."""
TO_QUEUES = ("all", "queues", "quorum_queues")

POLICY_PRIORITY = 100
HARMLESS = {"queue-leader-locator": "balanced"}
"""Definition of the suggested policy. As one policy applies to a queue, a harmless one with a high
priority overrides policies that delete idle queues (`expires`) or limit all queues."""

KEEPS = "reject-publish"
NOT_LOOKED = "policies on our queues could not be checked"

LIMITS = ("max-length", "max-length-bytes")
"""Limits beyond which messages are refused or dropped."""


@dataclass(frozen=True, slots=True, eq=False)
class Policy:
    """A policy, or an operator policy, which applies in addition to a policy."""

    kind: str
    name: str
    pattern: re.Pattern[str]
    apply_to: str
    priority: int
    definition: Mapping[str, Any]

    def fits(self, queue: str) -> bool:
        """Return whether the policy may apply to a quorum queue of this name."""
        return self.apply_to in TO_QUEUES and self.pattern.search(queue) is not None


@dataclass(frozen=True, slots=True)
class Management:
    """Address of the management API; virtual host and default user are those of `amqp.url`."""

    url: str | None
    amqp_url: str

    @property
    def vhost(self) -> str:
        """Virtual host of our queues."""
        return unquote(URL(self.amqp_url).raw_path[1:]) or "/"

    def headers(self) -> dict[str, str]:
        """Return credentials: those of `amqp.management_url`, else of `amqp.url`, else guest's."""
        addresses = (URL(self.url or ""), URL(self.amqp_url))
        found = next((address for address in addresses if address.user), GUEST)
        user = f"{found.user}:{found.password or ''}".encode()
        return {"Authorization": f"Basic {b64encode(user).decode()}"}


async def examine_policies(
    management: Management, names: Names, tiers_ms: Sequence[int], partitions: int = 1
) -> list[Finding]:
    """Return the policies that break a promise of our queues, or why they are unknown."""
    if management.url is None:
        remedy = "set amqp.management_url, or compare with rabbitmqctl list_policies"
        return [warning("broker", f"{NOT_LOOKED}: AMQP does not report them", remedy)]
    try:
        found = await _policies(management)
    except (aiohttp.ClientError, TimeoutError, ValueError, OSError) as error:
        why = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        remedy = "check amqp.management_url; its user needs the tag management"
        return [warning("broker", f"{NOT_LOOKED}: {why}", remedy)]
    ours = queues(names, tiers_ms, partitions)
    findings = [
        _finding(policy, said, harmed, management.vhost, names)
        for kind in KINDS
        for policy, said, harmed in _harm([one for one in found if one.kind == kind], ours)
    ]
    return findings or [fine("broker", "no policy breaks a promise of our queues")]


def _harm(
    policies: Sequence[Policy], ours: Mapping[str, Mapping[str, Any]]
) -> Iterator[tuple[Policy, str, list[str]]]:
    """Yield each harmful policy, its harmful key with the value, and the queues that it harms."""
    harmed: dict[tuple[Policy, str], list[str]] = defaultdict(list)
    for queue, arguments in ours.items():
        for policy in applying(policies, queue):
            for said in broken_promises(policy.definition, arguments):
                harmed[policy, said].append(queue)
    for (policy, said), names in harmed.items():
        yield policy, said, names


def applying(policies: Sequence[Policy], queue: str) -> list[Policy]:
    """Return the policy of one kind that applies to a queue: the one with the highest priority.

    Returns all that share this priority, of which RabbitMQ applies any one.
    """
    fitting = [policy for policy in policies if policy.fits(queue)]
    highest = max((policy.priority for policy in fitting), default=0)
    return [policy for policy in fitting if policy.priority == highest]


def broken_promises(policy: Mapping[str, Any], arguments: Mapping[str, Any]) -> Iterator[str]:
    """Yield the keys of a policy that harm a queue with these arguments, with their values.

    If a policy and the queue's arguments both set a key, RabbitMQ applies the smaller of two
    numbers; of two texts, it applies the one in the queue's arguments.
    """
    for key in ("expires", *LIMITS):
        if key in policy:
            yield f"{key}: {policy[key]}"
    ttl = policy.get("message-ttl")
    if ttl is not None and not _at_least(ttl, arguments.get("x-message-ttl")):
        yield f"message-ttl: {ttl}"
    limit = policy.get("delivery-limit")
    if limit is not None and not _at_least(limit, DELIVERY_LIMIT):
        yield f"delivery-limit: {limit}"
    overflow = policy.get("overflow")
    if overflow not in (None, KEEPS) and "x-overflow" not in arguments:
        yield f"overflow: {overflow}"


def _at_least(value: Any, own: int | None) -> bool:
    return own is not None and isinstance(value, int) and value >= own


def _finding(policy: Policy, said: str, harmed: Sequence[str], vhost: str, names: Names) -> Finding:
    text = f"{policy.kind} '{policy.name}' breaks a promise ({said}) of {', '.join(harmed)}"
    if policy.kind == OPERATOR:
        remedy = f"exclude {names.prefix}.* from its pattern: rabbitmqctl set_operator_policy"
        return trouble("broker", text, remedy)
    remedy = (
        "exclude them from its pattern, or give them a policy with a higher priority: rabbitmqctl "
        f"set_policy -p '{vhost}' --priority {max(policy.priority + 1, POLICY_PRIORITY)} "
        rf"--apply-to queues {names.prefix} '^{names.prefix}\.' '{json.dumps(HARMLESS)}'"
    )
    return trouble("broker", text, remedy)


async def _policies(management: Management) -> list[Policy]:
    """Return the policies of our virtual host. Raises errors of the request and of parsing."""
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    async with aiohttp.ClientSession(timeout=timeout, headers=management.headers()) as session:
        return [
            _policy(kind, row)
            for kind, path in KINDS.items()
            for row in await _rows(session, management, path)
        ]


async def _rows(session: aiohttp.ClientSession, management: Management, path: str) -> list[Any]:
    base = str(URL(management.url or "").with_user(None)).rstrip("/")
    url = URL(f"{base}/api/{path}/{quote(management.vhost, safe='')}", encoded=True)
    async with session.get(url, allow_redirects=False, raise_for_status=True) as response:
        rows = await response.json()
    if not isinstance(rows, list):
        raise ValueError("not RabbitMQ's management API")  # noqa: TRY004 (an answer, no argument)
    return rows


def _policy(kind: str, row: Any) -> Policy:
    try:
        return Policy(
            kind,
            str(row["name"]),
            re.compile(row["pattern"]),
            str(row["apply-to"]),
            int(row["priority"]),
            dict(row["definition"]),
        )
    except (KeyError, TypeError, ValueError, re.error) as error:
        raise ValueError(f"a {kind} that cannot be read: {error!r}") from error
