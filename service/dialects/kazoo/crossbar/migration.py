"""Repeatable migration of accounts and webhooks from a Kazoo installation.

Everything is read before anything is written, so a failure while reading changes nothing.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from service.dialects.kazoo.crossbar.accounts import (
    account_document,
    plan_accounts,
    tree_above,
    tree_of,
)
from service.dialects.kazoo.crossbar.decision import Decision, Document, Verdict
from service.dialects.kazoo.crossbar.ports import Crossbar, MigrationStore
from service.dialects.kazoo.crossbar.webhooks import Imported, read_webhook
from service.documents.webhook import BadDocument
from service.documents.webhook_form import completed
from service.domain.errors import CrossbarRefused

WRITTEN = (Verdict.TAKEN, Verdict.CHANGED)


async def sync_accounts(
    crossbar: Crossbar, store: MigrationStore, root_id: str, *, prune: bool, dry_run: bool
) -> list[Decision]:
    """Copy the root account and its descendants from Crossbar; return the decisions.

    Relies on `id`, `name` and `tree` (all ancestors, root first; Kazoo 4 and later) in the items of
    `descendants`. For an item without `tree` it requests `accounts/{id}/tree`, which leaves out the
    ancestors of the token's account. Only `accounts/{id}` has the reseller, so each account whose
    item lacks it costs one more request.
    """
    found = await _accounts(crossbar, root_id)
    decisions = plan_accounts(found, await store.accounts_under(root_id), prune=prune)
    if not dry_run:
        removed = [d.item_id for d in decisions if d.verdict is Verdict.REMOVED]
        await store.write_accounts(_written(decisions), removed)
    return decisions


async def _accounts(crossbar: Crossbar, root_id: str) -> list[Document]:
    root = await crossbar.account(root_id)
    if root is None:
        raise CrossbarRefused(f"Crossbar has no account {root_id}")
    items = await crossbar.descendants(root_id)
    above = tree_above(root_id, items)
    if above is None:
        above = await crossbar.ancestors(root_id)
    found: list[Document] = [account_document({**root, "id": root_id}, above)]
    for item in items:
        whole = item if "reseller_id" in item else await crossbar.account(item["id"])
        if whole is None:
            continue  # deleted since it was listed
        tree = tree_of(item)
        if tree is None:
            tree = await crossbar.ancestors(item["id"])
        found.append(account_document({**whole, **item}, tree))
    return found


async def fetch_webhooks(
    crossbar: Crossbar, store: MigrationStore, account_id: str, *, descendants: bool
) -> tuple[list[Document], list[Decision]]:
    """Return the webhooks of an account as Kazoo's documents, and decisions for skipped accounts.

    `descendants` includes the webhooks of all stored accounts below it.
    """
    below = sorted(await store.accounts_under(account_id)) if descendants else []
    found: list[Document] = []
    skipped: list[Decision] = []
    if descendants and not set(below) - {account_id}:
        reason = "no sub-account is stored here; sync the accounts first"
        skipped.append(Decision(Verdict.SKIPPED, account_id, reason))
    for owner in dict.fromkeys((account_id, *below)):
        documents = await crossbar.webhooks(owner)
        if documents is None and owner == account_id:
            raise CrossbarRefused(f"Crossbar has no account {account_id}")
        if documents is None:
            skipped.append(Decision(Verdict.SKIPPED, owner, "account is not in Crossbar"))
        found += [
            {**document, "_id": document["id"], "pvt_account_id": owner}
            for document in documents or ()
        ]
    return found, skipped


async def import_webhooks(
    documents: Sequence[Any],
    store: MigrationStore,
    now: datetime,
    *,
    overwrite: bool,
    dry_run: bool,
) -> list[Decision]:
    """Write the usable parts of Kazoo's webhooks to our store; return the decisions.

    A secret set here is kept. So is a webhook that was changed here later than in Kazoo, unless
    `overwrite`.
    """
    readings = [reading for document in documents for reading in read_webhook(document)]
    ids = [reading.document["_id"] for reading in readings if isinstance(reading, Imported)]
    planned = plan_webhooks(readings, await store.webhooks(ids), now, overwrite=overwrite)
    decisions = [_storable(decision, store) for decision in planned]
    if not dry_run:
        await store.write_webhooks(_written(decisions))
    return decisions


def plan_webhooks(
    readings: Sequence[Imported | Decision],
    stored: Mapping[str, Document],
    now: datetime,
    *,
    overwrite: bool,
) -> list[Decision]:
    """Decide about every webhook; decisions among the `readings` are kept."""
    decisions: list[Decision] = []
    seen: set[str] = set()
    for reading in readings:
        if isinstance(reading, Decision):
            decisions.append(reading)
            continue
        webhook_id = reading.document["_id"]
        if webhook_id in seen:
            decisions.append(Decision(Verdict.REFUSED, webhook_id, "the id occurs twice"))
            continue
        seen.add(webhook_id)
        decisions.append(_decide(reading, stored.get(webhook_id), now, overwrite=overwrite))
    return decisions


def _decide(
    imported: Imported, stored: Document | None, now: datetime, *, overwrite: bool
) -> Decision:
    webhook_id = imported.document["_id"]
    # Crossbar gives no times; a webhook not changed since its import then has two equal times.
    created_at = imported.created_at or imported.modified_at or now
    times = {"created_at": created_at, "modified_at": imported.modified_at or created_at}
    document = {**imported.document, **times}
    if stored is None:
        return Decision(Verdict.TAKEN, webhook_id, imported.remark, document)
    differing = _differing(imported.document, stored)
    if not differing:
        return Decision(Verdict.UNCHANGED, webhook_id)
    if _changed_here(imported, stored) and not overwrite:
        reason = f"changed here since: {', '.join(differing)} differ; --overwrite takes Kazoo's"
        return Decision(Verdict.KEPT, webhook_id, reason)
    return Decision(Verdict.CHANGED, webhook_id, imported.remark, document)


def _differing(document: Document, stored: Document) -> list[str]:
    """Return the fields that differ in meaning; an absent field equals its default."""
    try:
        ours = completed(stored)
    except BadDocument:
        return ["all fields"]
    return [key for key in document if document[key] != ours[key]]


def _changed_here(imported: Imported, stored: Document) -> bool:
    changed_at = stored.get("modified_at")
    if not isinstance(changed_at, datetime):
        return False
    since = imported.modified_at or stored.get("created_at")
    return not isinstance(since, datetime) or changed_at > since


def _storable(decision: Decision, store: MigrationStore) -> Decision:
    if decision.document is None:
        return decision
    problem = store.problem_with(decision.document)
    return Decision(Verdict.REFUSED, decision.item_id, problem) if problem else decision


def _written(decisions: Sequence[Decision]) -> list[Document]:
    return [d.document for d in decisions if d.verdict in WRITTEN and d.document is not None]
