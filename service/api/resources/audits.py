"""`/v2/audit` and `/v2/accounts/{A}/audit`: who changed what, and when."""

from collections.abc import Mapping
from dataclasses import dataclass

from service.api.http.operation import Access, Answer, ApiCall, operation
from service.api.shapes.operator_answers import AuditAnswer
from service.api.shapes.pages import Pages, filled
from service.api.shapes.queries import (
    AUDIT_MEMBERS,
    OPERATOR_AUDIT_MEMBERS,
    AuditQuery,
    OperatorAuditQuery,
    selection_of,
)
from service.management.audit import Audit, entry_key

TAG = "Audit log"


@dataclass(frozen=True, slots=True)
class AuditHandlers:
    """Each method answers one operation."""

    audit: Audit
    pages: Pages

    @operation(
        "GET",
        "/v2/accounts/{account_id}/audit",
        name="listAccountAudit",
        tag=TAG,
        data=list[AuditAnswer],
        query=AuditQuery,
        paged=True,
    )
    async def of_account(self, call: ApiCall) -> Answer:
        """List the changes that concern the account, the newest first."""
        return await self._page(call, call.account_id, AUDIT_MEMBERS)

    @operation(
        "GET",
        "/v2/audit",
        name="listAudit",
        tag=TAG,
        data=list[AuditAnswer],
        access=Access.OPERATE,
        query=OperatorAuditQuery,
        paged=True,
    )
    async def of_all(self, call: ApiCall) -> Answer:
        """List all changes, the newest first; for superusers' tokens."""
        return await self._page(call, None, OPERATOR_AUDIT_MEMBERS)

    async def _page(
        self, call: ApiCall, account_id: str | None, members: Mapping[str, str]
    ) -> Answer:
        query: AuditQuery = call.query
        selection = selection_of(account_id, query, members)
        items, page = await filled(
            lambda after, count: self.audit.page(selection, after, count),
            self.pages.size(query),
            query.start_key,
            entry_key,
        )
        return Answer(items, page=page)
