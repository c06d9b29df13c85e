"""`/v2/webhooks`: the hooks and their sample payloads."""

from dataclasses import dataclass
from typing import Any

from service.api.http.operation import Access, Answer, ApiCall, operation
from service.api.shapes.answers import HookAnswer
from service.dialects.dialect import Dialects
from service.dialects.hook import Hook
from service.dialects.question import Question
from service.documents.webhook import BUDGET_S
from service.domain.errors import NotFound
from service.domain.freshness import FreshnessPolicy
from service.pipeline.dry_run.sample import sample_payload
from service.profiles.known import kinds_of

PREFIX = "webhooks_"
TAG = "Hooks"
SAMPLES = "/v2/webhooks/samples"
ACCOUNT_SAMPLES = "/v2/accounts/{account_id}/webhooks/samples"


@dataclass(frozen=True, slots=True)
class HookHandlers:
    """The catalogue of hooks in Crossbar's form."""

    dialects: Dialects
    freshness: FreshnessPolicy

    @operation(
        "GET", "/v2/webhooks", name="listHooks", tag=TAG, data=list[HookAnswer], access=Access.OPEN
    )
    async def catalogue(self, _: ApiCall) -> Answer:
        """List the hooks."""
        hooks = [_described(hook, self.freshness) for hook in self.dialects.hooks.values()]
        return Answer([*hooks, *map(_asked, self.dialects.questions.values())])

    @operation("GET", SAMPLES, name="listSamples", tag=TAG, data=list[str], access=Access.OPEN)
    @operation("GET", ACCOUNT_SAMPLES, name="listAccountSamples", tag=TAG, data=list[str])
    async def samples(self, _: ApiCall) -> Answer:
        """List the samples."""
        every = (*self.dialects.hooks, *self.dialects.questions)
        return Answer([f"{PREFIX}{hook_id}" for hook_id in every])

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
        question = self.dialects.questions.get(sample_id.removeprefix(PREFIX))
        if question is not None:
            return Answer([dict(question.sample("account", "call"))])
        hook = self.dialects.hooks.get(sample_id.removeprefix(PREFIX))
        if hook is None:
            raise NotFound(sample_id)
        return Answer([sample_payload(self.dialects.of(hook.source), hook)])


def _asked(question: Question) -> dict[str, Any]:
    return {
        "id": question.hook_id,
        "name": question.name,
        "description": question.description,
        "mode": "actionable",
        "version": 1,
        **_profiles(question.source, question.hook_id),
        "freshness": "actionable",
        "max_age_s": BUDGET_S,
    }


def _described(hook: Hook, policy: FreshnessPolicy) -> dict[str, Any]:
    described: dict[str, Any] = {
        "id": hook.hook_id,
        "name": hook.name,
        "description": hook.description,
        "mode": "informational",
        "version": hook.version,
        **_profiles(hook.source, hook.hook_id),
        "freshness": hook.freshness,
        "max_age_s": policy.limit_s(hook.freshness),
    }
    more = {"freshness_of": hook.freshness_of, "modifiers": hook.modifiers}
    return described | {key: value for key, value in more.items() if value}


def _profiles(source: str, hook_id: str) -> dict[str, Any]:
    found = kinds_of(source, hook_id)
    return {"profiles": found} if found else {}
