"""`/v2/webhooks`: the hooks and their sample payloads."""

from dataclasses import dataclass
from typing import Any

from service.api.http.operation import Access, Answer, ApiCall, operation
from service.api.shapes.answers import HookAnswer
from service.dialects.dialect import Dialects
from service.dialects.hook import Hook
from service.domain.errors import NotFound
from service.pipeline.dry_run.sample import sample_payload

PREFIX = "webhooks_"
TAG = "Hooks"
SAMPLES = "/v2/webhooks/samples"
ACCOUNT_SAMPLES = "/v2/accounts/{account_id}/webhooks/samples"


@dataclass(frozen=True, slots=True)
class HookHandlers:
    """The catalogue of hooks in Crossbar's form."""

    dialects: Dialects

    @operation(
        "GET", "/v2/webhooks", name="listHooks", tag=TAG, data=list[HookAnswer], access=Access.OPEN
    )
    async def catalogue(self, _: ApiCall) -> Answer:
        """List the hooks."""
        return Answer([_described(hook) for hook in self.dialects.hooks.values()])

    @operation("GET", SAMPLES, name="listSamples", tag=TAG, data=list[str], access=Access.OPEN)
    @operation("GET", ACCOUNT_SAMPLES, name="listAccountSamples", tag=TAG, data=list[str])
    async def samples(self, _: ApiCall) -> Answer:
        """List the samples."""
        return Answer([f"{PREFIX}{hook_id}" for hook_id in self.dialects.hooks])

    @operation(
        "GET",
        f"{SAMPLES}/{{sample_id}}",
        name="getSample",
        tag=TAG,
        data=list[dict[str, Any]],
        access=Access.OPEN,
        errors=(404,),
    )
    @operation(
        "GET",
        f"{ACCOUNT_SAMPLES}/{{sample_id}}",
        name="getAccountSample",
        tag=TAG,
        data=list[dict[str, Any]],
        errors=(404,),
    )
    async def sample(self, call: ApiCall) -> Answer:
        """Return sample payloads of a hook."""
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
