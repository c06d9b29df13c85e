"""Use cases of an operator's pauses: of an endpoint or an account."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

from service.domain.endpoint import endpoint_of
from service.domain.errors import Invalid, NotFound
from service.domain.principal import Principal
from service.management.audit import Action, Audit
from service.management.ports import PauseDocuments


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class OperatorPauses:
    """The use cases; workers follow within about a second."""

    documents: PauseDocuments
    audit: Audit
    now: Callable[[], datetime] = _now

    async def all(self) -> Sequence[dict[str, Any]]:
        """Return the pauses in force, the oldest first."""
        return [_view(one) for one in await self.documents.all()]

    async def pause(
        self, by: Principal, account_id: str | None, endpoint: str | None
    ) -> dict[str, Any]:
        """Pause an account, or the endpoint of a URL. Idempotent. Raises Invalid."""
        if (account_id is None) == (endpoint is None):
            raise Invalid.of("endpoint", "invalid", "give either account_id or endpoint")
        what = {"account_id": account_id} if endpoint is None else {"endpoint": _checked(endpoint)}
        pause_id = blake2b(repr(what).encode(), digest_size=16).hexdigest()
        document = {"_id": pause_id, **what, "by": by.name, "at": self.now()}
        await self.documents.keep(document)
        view = _view(document)
        await self.audit.note(by, Action.PAUSED, account_id, pause_id, endpoint=view["endpoint"])
        return view

    async def resume(self, by: Principal, pause_id: str) -> dict[str, Any]:
        """End a pause; the backlogs are sent then. Raises NotFound."""
        document = await self.documents.remove(pause_id)
        if document is None:
            raise NotFound(pause_id)
        view = _view(document)
        account_id, endpoint = view["account_id"], view["endpoint"]
        await self.audit.note(by, Action.RESUMED, account_id, pause_id, endpoint=endpoint)
        return view


def _checked(endpoint: str) -> str:
    try:
        return str(endpoint_of(endpoint))
    except ValueError as error:
        raise Invalid.of("endpoint", "invalid", str(error)) from None


def _view(document: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": document["_id"],
        "account_id": document.get("account_id"),
        "endpoint": document.get("endpoint"),
        "by": document["by"],
        "at": document["at"].isoformat(timespec="milliseconds"),
    }
