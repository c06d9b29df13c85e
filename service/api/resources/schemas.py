"""`/v2/schemas`: the JSON Schema of every hook's payload, in every version that is still served."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from service.answers.json_schema import answer_schema
from service.api.http.operation import Access, Answer, ApiCall, operation
from service.api.shapes.answers import SchemasAnswer
from service.dialects.dialect import Dialects
from service.dialects.hook import Hook
from service.dialects.question import Question
from service.domain.errors import NotFound
from service.pipeline.dry_run.sample import sample_payload
from service.profiles.known import KINDS, origins_of
from service.profiles.profile import RequestKind

TAG = "Hooks"
SCHEMAS = "/v2/schemas"


@dataclass(frozen=True, slots=True)
class SchemaHandlers:
    """The schemas of the catalogue, open to everybody."""

    dialects: Dialects

    @operation(
        "GET", SCHEMAS, name="listSchemas", tag=TAG, data=list[SchemasAnswer], access=Access.OPEN
    )
    async def every(self, _: ApiCall) -> Answer:
        """List the schemas of all hooks, and of the requests of profiles."""
        hooks = [_described(hook) for hook in self.dialects.hooks.values()]
        questions = map(_asked, self.dialects.questions.values())
        profiled = (self._of_kind(*found) for found in KINDS.values())
        return Answer([*hooks, *questions, *(one for one in profiled if one["hooks"])])

    @operation(
        "GET",
        f"{SCHEMAS}/{{hook_id}}",
        name="getSchemas",
        tag=TAG,
        data=SchemasAnswer,
        access=Access.OPEN,
    )
    async def of_hook(self, call: ApiCall) -> Answer:
        """Return the versions of a hook's schema, with what each of them changed."""
        question = self.dialects.questions.get(call.path["hook_id"])
        if call.path["hook_id"] in KINDS:
            return Answer(self._of_kind(*KINDS[call.path["hook_id"]]))
        return Answer(_described(self._hook(call)) if question is None else _asked(question))

    @operation(
        "GET",
        f"{SCHEMAS}/{{hook_id}}/{{schema_version}}",
        name="getSchema",
        tag=TAG,
        data=dict[str, Any],
        access=Access.OPEN,
        bare=True,
    )
    async def one(self, call: ApiCall) -> Answer:
        """Return a version of a hook's schema, as JSON Schema."""
        question, wanted = (
            self.dialects.questions.get(call.path["hook_id"]),
            call.path["schema_version"],
        )
        if question is not None and wanted == "1":
            example = dict(question.sample("account", "call"))
            return Answer({**question.schema, "examples": [example], "answer": answer_schema()})
        if call.path["hook_id"] in KINDS:
            _, kind = KINDS[call.path["hook_id"]]
            if wanted != str(kind.version):
                raise NotFound(f"{kind.kind_id}/{wanted}")
            answer = {"answer": answer_schema()} if kind.mode == "actionable" else {}
            return Answer({**kind.schema, **answer})
        hook = self._hook(call)
        version = next((one for one in hook.versions if str(one) == wanted), None)
        if version is None:
            raise NotFound(f"{hook.hook_id}/{wanted}")
        payload = sample_payload(self.dialects.of(hook.source), hook)
        schema = {**hook.schema_of(version), "examples": [hook.payload_of(version, payload)]}
        earlier = hook.earlier_version(version)
        return Answer(schema, headers={} if earlier is None else earlier.headers)

    def _of_kind(self, profile: str, kind: RequestKind) -> dict[str, Any]:
        """Return the one version of the schema of a profile's requests, and what they are of."""
        enabled = [dialect.name for dialect in self.dialects.enabled]
        origins = origins_of(profile, kind, enabled)
        return {
            "hook": kind.kind_id,
            "name": kind.name,
            "source": profile,
            "mode": kind.mode,
            "current": kind.version,
            "versions": [_only_version(kind.kind_id)],
            "hooks": {source: list(origin.hooks) for source, origin in origins.items()},
            "never": {source: one.never for source, one in origins.items() if one.never},
        }

    def _hook(self, call: ApiCall) -> Hook:
        hook = self.dialects.hooks.get(call.path["hook_id"])
        if hook is None:
            raise NotFound(call.path["hook_id"])
        return hook


def _asked(question: Question) -> dict[str, Any]:
    """Return the one version of a question's schema."""
    return {
        "hook": question.hook_id,
        "name": question.name,
        "source": question.source,
        "mode": "actionable",
        "current": 1,
        "versions": [_only_version(question.hook_id)],
    }


def _only_version(hook_id: str) -> dict[str, Any]:
    return {
        "version": 1,
        "changes": "The first version.",
        "path": f"{SCHEMAS}/{hook_id}/1",
        "deprecated_at": None,
        "sunset_at": None,
    }


def _described(hook: Hook) -> dict[str, Any]:
    return {
        "hook": hook.hook_id,
        "name": hook.name,
        "source": hook.source,
        "mode": "informational",
        "current": hook.version,
        "versions": list(_versions(hook)),
    }


def _versions(hook: Hook) -> Iterator[dict[str, Any]]:
    """Yield the versions of the change log, the newest first; one no longer served has no path."""
    for version in sorted({*hook.changes, *hook.versions}, reverse=True):
        path = f"{SCHEMAS}/{quote(hook.hook_id, safe='')}/{version}"
        earlier = hook.earlier_version(version)
        yield {
            "version": version,
            "changes": hook.changes.get(version, ""),
            "path": path if version in hook.versions else None,
            "deprecated_at": earlier and earlier.deprecated_at.isoformat(),
            "sunset_at": earlier and earlier.sunset_at and earlier.sunset_at.isoformat(),
        }
