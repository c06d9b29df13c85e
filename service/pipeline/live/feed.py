"""The sending half of live streams: tells the workers that listen what happens here.

Best effort, and at most once: nothing waits for it, and nothing fails because of it. While nobody
listens, an event and an attempt cost one look at `wanted` each.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog

from service.documents.log import attempt_document
from service.domain.delivery import Attempt
from service.domain.event import Event
from service.domain.webhook import Account
from service.pipeline.live.allowance import Allowance
from service.pipeline.live.keys import attempts_of, events_below, events_of
from service.text.json_text import write_json

FORGOTTEN_S = 15.0
"""Seconds after its last announcement until a worker counts as gone."""
MOST_LISTENERS = 1000
"""Listeners remembered at most: whoever may publish to our exchange can announce any number."""

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Listener:
    """A worker with streams: the keys it wants, and the messages sent to it so far by key."""

    keys: frozenset[str]
    until: float
    sent: dict[str, int] = field(default_factory=dict)
    allowances: dict[str, Allowance] = field(default_factory=dict)
    told: bool = True
    """Whether it was told the counts since the last message, which may have been lost."""


def _nowhere(queue: str, body: bytes) -> None:
    """Send nothing: no broker is wired."""


class LiveFeed:
    """Sends attempts and events to the queues of the workers that want them."""

    def __init__(
        self,
        send: Callable[[str, bytes], None] = _nowhere,
        sender: str = "",
        rate_per_s: float = 100.0,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._send = send
        self._sender = sender
        self._rate_per_s = rate_per_s
        self._now = now
        self._listeners: dict[str, Listener] = {}
        self.wanted = False
        """Whether any worker listens to anything."""

    def learn(self, queue: str, keys: Iterable[str]) -> None:
        """Note what the worker with this queue wants from now on; no keys mean nothing."""
        wanted, known = frozenset(keys), self._listeners.get(queue)
        until = self._now() + FORGOTTEN_S
        before = frozenset() if known is None else known.keys
        if not wanted:
            self._listeners.pop(queue, None)
        elif known is not None:
            known.keys, known.until = wanted, until
            known.sent = {key: count for key, count in known.sent.items() if key in wanted}
            known.allowances = {key: one for key, one in known.allowances.items() if key in wanted}
            self._tell_counts(queue, known)
        elif len(self._listeners) < MOST_LISTENERS:
            self._listeners[queue] = Listener(wanted, until)
        if wanted != before:
            log.info("live.wanted", queue=queue, keys=len(wanted))
        self.wanted = bool(self._listeners)

    def _tell_counts(self, queue: str, listener: Listener) -> None:
        """Send the counts, so that the loss of the last messages is seen as well."""
        if not listener.told:
            listener.told = True
            self._send(queue, write_json({"from": self._sender, "so_far": listener.sent}))

    def attempted(self, attempt: Attempt) -> None:
        """Send an attempt that was finished. Never raises."""
        if not self.wanted:
            return
        try:
            for listener, head in self._to({attempts_of(attempt.delivery.account_id)}):
                row = attempt_document(attempt, keep_payload=False)
                self._send(listener, write_json(head | {"attempt": row}))
        except Exception:
            log.exception("live.bug")

    def happened(
        self,
        event: Event,
        account: Account,
        payload: Callable[[], Mapping[str, Any]],
        received_at: float,
        traceparent: str,
    ) -> None:
        """Send an event of the account with its payload. Never raises."""
        keys = {events_of(account.account_id), *map(events_below, account.tree)}
        try:
            told: dict[str, Any] | None = None
            for listener, head in self._to(keys):
                told = told or _told(event, account, payload(), received_at, traceparent)
                self._send(listener, write_json(head | told))
        except Exception:
            log.exception("live.bug")

    def _to(self, keys: set[str]) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield each queue that wants one of the keys, with the head of the message to it.

        The head counts the messages of each key, so that the listener sees how many were lost.
        """
        now = self._now()
        for queue, listener in [*self._listeners.items()]:
            if listener.until < now:
                self.learn(queue, ())
                continue
            matched = keys & listener.keys
            if not matched:
                continue
            listener.told = False
            counts = {key: listener.sent.get(key, 0) + 1 for key in matched}
            listener.sent |= counts
            allowed = [self._allows(listener, key) for key in matched]
            if any(allowed):
                yield queue, {"from": self._sender, "n": counts}

    def _allows(self, listener: Listener, key: str) -> bool:
        """Return whether one more of this key may be sent; what may not is counted all the same."""
        allowance = listener.allowances.get(key)
        if allowance is None:
            allowance = listener.allowances[key] = Allowance(self._rate_per_s, self._now)
        return allowance.take()


def _told(
    event: Event,
    account: Account,
    payload: Mapping[str, Any],
    received_at: float,
    traceparent: str,
) -> dict[str, Any]:
    """Return the members of a message; the payload is JSON text, which keeps its numbers."""
    return {
        "event": {
            "event_id": event.event_id,
            "source": event.source,
            "hook": event.hook,
            "name": event.name,
            "account_id": account.account_id,
            "call_id": event.call_id,
            "facts": dict(event.facts),
            "reaches_all": event.reaches_all,
        },
        "tree": list(account.tree),
        "payload": write_json(dict(payload)).decode(),
        "received_at": received_at,
        "occurred_at": event.occurred_at,
        "traceparent": traceparent,
    }
