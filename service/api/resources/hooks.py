"""`/v2/webhooks`: which hooks there are, and what they send."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from service.api.hook_reference import DOCUMENTED, sample_payload
from service.api.http.operation import Access, Answer, Call, Operation
from service.api.shapes.answers import HookAnswer
from service.dialects.catalogue import Hook
from service.domain.errors import NotFound

PREFIX = "webhooks_"
TAG = "Hooks"


@dataclass(frozen=True, slots=True)
class HookHandlers:
    """The catalogue as Crossbar tells it."""

    hooks: Mapping[str, Hook]

    async def catalogue(self, _: Call) -> Answer:
        """List the hooks."""
        return Answer([_described(hook) for hook in self.hooks.values()])

    async def samples(self, _: Call) -> Answer:
        """List the samples."""
        return Answer([f"{PREFIX}{hook_id}" for hook_id in self.hooks])

    async def sample(self, call: Call) -> Answer:
        """Return payloads that a hook sends."""
        sample_id = call.path["sample_id"]
        hook = self.hooks.get(sample_id.removeprefix(PREFIX))
        if hook is None:
            raise NotFound(sample_id)
        return Answer([sample_payload(hook, DOCUMENTED)])


def _described(hook: Hook) -> dict[str, Any]:
    described: dict[str, Any] = {
        "id": hook.hook_id,
        "name": hook.name,
        "description": hook.description,
        "version": hook.version,
    }
    return described | ({"modifiers": hook.modifiers} if hook.modifiers else {})


def operations(handlers: HookHandlers) -> Sequence[Operation]:
    """Return the paths; the samples have a second one under each account, as with Crossbar."""
    found = [
        Operation(
            "GET",
            "/v2/webhooks",
            handlers.catalogue,
            "The hooks that can be subscribed to",
            list[HookAnswer],
            Access.OPEN,
            name="listHooks",
            tag=TAG,
        )
    ]
    places = (
        ("/v2", Access.OPEN, "Sample"),
        ("/v2/accounts/{account_id}", Access.READ, "AccountSample"),
    )
    for base, access, noun in places:
        found += [
            Operation(
                "GET",
                f"{base}/webhooks/samples",
                handlers.samples,
                "The ids of the sample payloads",
                list[str],
                access,
                name=f"list{noun}s",
                tag=TAG,
            ),
            Operation(
                "GET",
                f"{base}/webhooks/samples/{{sample_id}}",
                handlers.sample,
                "What a hook sends",
                list[dict[str, Any]],
                access,
                errors=(404,),
                name=f"get{noun}",
                tag=TAG,
            ),
        ]
    return found
