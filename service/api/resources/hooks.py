"""`/v2/webhooks`: which hooks there are, and what they send."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from service.api.http.operation import Access, Answer, ApiCall, Operation
from service.api.shapes.answers import HookAnswer
from service.dialects.dialect import Dialects
from service.dialects.hook import Hook
from service.domain.errors import NotFound
from service.pipeline.dry_run.sample import sample_payload

PREFIX = "webhooks_"
TAG = "Hooks"


@dataclass(frozen=True, slots=True)
class HookHandlers:
    """The catalogue as Crossbar tells it."""

    dialects: Dialects

    async def catalogue(self, _: ApiCall) -> Answer:
        """List the hooks."""
        return Answer([_described(hook) for hook in self.dialects.hooks.values()])

    async def samples(self, _: ApiCall) -> Answer:
        """List the samples."""
        return Answer([f"{PREFIX}{hook_id}" for hook_id in self.dialects.hooks])

    async def sample(self, call: ApiCall) -> Answer:
        """Return payloads that a hook sends."""
        sample_id = call.path["sample_id"]
        hook = self.dialects.hooks.get(sample_id.removeprefix(PREFIX))
        if hook is None:
            raise NotFound(sample_id)
        return Answer([sample_payload(self.dialects.of(hook.source), hook)])


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
