"""Live streams of an account: attempts as they are finished, and events as signed requests."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from service.api.http.operation import Answer, ApiCall, operation
from service.api.shapes.queries import ATTEMPT_MEMBERS, equals_of
from service.api.shapes.streams import (
    AttemptStreamQuery,
    EventStreamQuery,
    StreamedAttempt,
    StreamedRequest,
)
from service.dialects.dialect import Dialects
from service.domain.errors import Invalid
from service.domain.policy import StreamPolicy
from service.domain.webhook import ALL_HOOKS, Format, Verb
from service.management.attempts import attempt_view
from service.management.webhooks import Webhooks
from service.pipeline.live.attempts import AttemptFilter
from service.pipeline.live.hub import LiveHub
from service.pipeline.live.keys import attempts_of, events_below, events_of
from service.pipeline.live.requests import LiveRequests, Wish
from service.pipeline.live.stream import Item, Stream, Take
from service.text.json_text import write_json

STREAM = "/v2/accounts/{account_id}/stream"
TAG = "Streams"


class OpenStream:
    """A stream with its place in the hub; see `api.http.event_stream.EventSource`."""

    def __init__(self, stream: Stream, hub: LiveHub, heartbeat_s: float) -> None:
        hub.open(stream)
        self._stream = stream
        self._hub = hub
        self.heartbeat_s = heartbeat_s

    @property
    def ended(self) -> str | None:
        """See `EventSource`."""
        return self._stream.ended

    async def next(self, within_s: float) -> Sequence[Item]:
        """See `EventSource`."""
        return await self._stream.next(within_s)

    def close(self) -> None:
        """See `EventSource`."""
        self._hub.close(self._stream)


@dataclass(frozen=True, slots=True)
class StreamHandlers:
    """Each method answers one operation."""

    hub: LiveHub
    webhooks: Webhooks
    dialects: Dialects
    policy: StreamPolicy

    @operation(
        "GET",
        f"{STREAM}/attempts",
        name="streamAttempts",
        tag=TAG,
        data=StreamedAttempt,
        query=AttemptStreamQuery,
        errors=(404,),
        streams=True,
    )
    async def attempts(self, call: ApiCall) -> Answer:
        """Stream the attempts of all webhooks as they are finished."""
        query: AttemptStreamQuery = call.query
        if query.filter_hook_id is not None:
            await self.webhooks.one(call.account_id, query.filter_hook_id)
        equals = equals_of(query.model_dump(exclude_none=True), ATTEMPT_MEMBERS)
        failed = None if query.filter_result is None else query.filter_result == "failure"
        wanted = AttemptFilter(equals, failed, own_only=call.own_only)

        def take(message: Mapping[str, Any]) -> Item | None:
            row = wanted.row_in(message)
            return None if row is None else _item("attempt", attempt_view(row, self.dialects))

        return self._opened(call.account_id, {attempts_of(call.account_id)}, take, {})

    @operation(
        "GET",
        f"{STREAM}/events",
        name="streamEvents",
        tag=TAG,
        data=StreamedRequest,
        query=EventStreamQuery,
        below="asks_below",
        streams=True,
    )
    async def events(self, call: ApiCall) -> Answer:
        """Stream the account's events, each as the signed request that a webhook would get."""
        query: EventStreamQuery = call.query
        hooks, account_id = self._hooks(query.hook), call.account_id
        verb, form = Verb(query.http_verb.upper()), Format(query.format)
        requests = LiveRequests(
            Wish(account_id, hooks, verb, form, query.include_subaccounts), self.dialects
        )

        def take(message: Mapping[str, Any]) -> Item | None:
            found = requests.request_in(message)
            if found is None:
                return None
            event, request = found
            return _item("request", {
                "id": request.headers["webhook-id"],
                "account_id": event.account_id,
                "hook": event.hook,
                "event_name": event.name,
                "call_id": event.call_id,
                "method": request.verb,
                "query": request.query,
                "headers": request.headers,
                "body": None if request.body is None else request.body.decode(),
            })  # fmt: skip

        keys = {events_of(account_id)}
        if query.include_subaccounts:
            keys.add(events_below(account_id))
        return self._opened(account_id, keys, take, {"secret": requests.secret, "hooks": hooks})

    async def asks_below(self, call: ApiCall) -> bool:
        """Return whether events of accounts below are asked for."""
        return bool(call.query.include_subaccounts)

    def _opened(
        self, account_id: str, keys: set[str], take: Take, more: Mapping[str, Any]
    ) -> Answer:
        start = _item("start", {"heartbeat_s": self.policy.heartbeat_s, **more})
        stream = Stream(account_id, frozenset(keys), take, start, self.policy)
        return Answer(OpenStream(stream, self.hub, self.policy.heartbeat_s))

    def _hooks(self, patterns: str | None) -> list[str]:
        """Return the hooks that fit the patterns, in the catalogue's order. Raises Invalid."""
        wanted = [one.strip().lower() for one in (patterns or ALL_HOOKS).split(",")]
        if {ALL_HOOKS, "*"} & set(wanted):
            return [ALL_HOOKS]
        known = self.dialects.hooks
        for pattern in wanted:
            if not any(fnmatchcase(hook, pattern) for hook in known):
                message = f"no hook fits {pattern}"
                raise Invalid.of("hook", "enum", message, target=[ALL_HOOKS, *known])
        return [hook for hook in known if any(fnmatchcase(hook, one) for one in wanted)]


def _item(name: str, data: Mapping[str, Any]) -> Item:
    return Item(name, write_json(dict(data)))
