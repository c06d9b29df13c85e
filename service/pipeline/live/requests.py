"""Stream of events: the signed request that a webhook of the listening account would get."""

import secrets
import time
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from service.dialects.dialect import Dialects
from service.documents.webhook import SECRET_PREFIX
from service.domain.delivery import Request
from service.domain.event import Event
from service.domain.webhook import ALL_HOOKS, Account, Format, Verb, Webhook, account_of
from service.pipeline.events import Arrival, delivery_for
from service.pipeline.match import subscribed
from service.pipeline.request.build import content_of, request_for
from service.pipeline.request.destination import owed_of
from service.pipeline.request.times import times_of
from service.pipeline.request.versions import Snapshot
from service.text.json_text import read_json

NOWHERE = "http://localhost/"
"""The URI of a webhook that no request is sent for: the client forwards to its own."""
KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Wish:
    """What a client listens for; `hooks` are ids of the catalogue, or `all`."""

    account_id: str
    hooks: Sequence[str]
    verb: Verb = Verb.POST
    format: Format = Format.JSON
    include_subaccounts: bool = False


@dataclass(frozen=True, slots=True)
class LiveRequests:
    """Writes the requests of one stream, with a secret that exists as long as the stream."""

    wish: Wish
    dialects: Dialects
    clock: Callable[[], float] = time.time
    key: bytes = field(default_factory=lambda: secrets.token_bytes(KEY_BYTES), repr=False)
    listening: Account = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(
            self, "listening", account_of(self.wish.account_id, webhooks=self._webhooks())
        )

    @property
    def secret(self) -> str:
        """The secret in the form that receivers use."""
        return SECRET_PREFIX + b64encode(self.key).decode()

    def request_in(self, message: Mapping[str, Any]) -> tuple[Event, Request] | None:
        """Return event and request of a message, or None if no requested hook concerns it."""
        # Workers of an earlier version tell no `occurred_at`.
        occurred_at = message.get("occurred_at")
        event = Event(fields={}, occurred_at=occurred_at, **message["event"])
        own = event.account_id == self.wish.account_id
        found = (
            subscribed(event, self.listening, ())
            if own
            else subscribed(event, account_of(str(event.account_id)), [self.listening])
        )
        if not found:
            return None
        dialect = self.dialects.of(event.source)
        text: bytes = message["payload"].encode()
        snapshot = Snapshot(read_json(text), text, dialect.schema_version(event.hook))
        arrival = Arrival(message["received_at"], message["traceparent"])
        times = times_of(arrival.at, occurred_at)
        content = content_of(dialect, event.hook, snapshot, times)
        owed = owed_of(delivery_for(event, found[0], arrival, snapshot), found[0])
        return event, request_for(owed, content, 1, self.clock(), arrival.traceparent)

    def _webhooks(self) -> Sequence[Webhook]:
        """Return a webhook for each source, as a webhook has one."""
        wish, identity = self.wish, secrets.token_hex(16)
        by_source: dict[str, set[str]] = {}
        for hook in self.dialects.hooks.values():
            if ALL_HOOKS in wish.hooks:
                by_source[hook.source] = {ALL_HOOKS}
            elif hook.hook_id in wish.hooks:
                by_source.setdefault(hook.source, set()).add(hook.hook_id)
        return [
            Webhook(
                webhook_id=identity,
                account_id=wish.account_id,
                source=source,
                hooks=frozenset(hooks),
                uri=NOWHERE,
                verb=wish.verb,
                format=wish.format,
                include_subaccounts=wish.include_subaccounts,
                secret=self.key,
                dialect_secret=self.secret.encode(),
            )
            for source, hooks in by_source.items()
        ]
