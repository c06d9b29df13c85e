"""Conversion of Crossbar's accounts, and the decision about each in a sync."""

from collections.abc import Mapping, Sequence
from typing import Any

from service.dialects.kazoo.crossbar.decision import Decision, Document, Verdict

FIELDS = ("name", "tree", "reseller_id")


def account_document(item: Document, tree: Sequence[str]) -> dict[str, Any]:
    """Return an account's document; Crossbar writes an unknown reseller as `undefined`."""
    reseller_id = item.get("reseller_id")
    known = isinstance(reseller_id, str) and reseller_id not in ("", "undefined")
    return {
        "_id": str(item["id"]),
        "name": str(item.get("name") or ""),
        "tree": [ancestor for ancestor in tree if ancestor != item["id"]],
        "reseller_id": reseller_id if known else None,
    }


def tree_of(item: Document) -> Sequence[str] | None:
    """Return an item's ancestors, root first, or None if it does not list them."""
    tree = item.get("tree")
    return [str(ancestor) for ancestor in tree] if isinstance(tree, list) else None


def tree_above(root_id: str, items: Sequence[Document]) -> Sequence[str] | None:
    """Return the ancestors of the root, read from the tree of one of its descendants."""
    for item in items:
        tree = tree_of(item)
        if tree and root_id in tree:
            return tree[: tree.index(root_id)]
    return None


def plan_accounts(
    found: Sequence[Document], stored: Mapping[str, Document], *, prune: bool
) -> list[Decision]:
    """Decide about every account that Crossbar has, and every stored one that it lacks."""
    decisions = [_decide(document, stored.get(document["_id"])) for document in found]
    known = {document["_id"] for document in found}
    verdict, reason = (
        (Verdict.REMOVED, "not in Crossbar") if prune else
        (Verdict.GONE, "not in Crossbar; --prune removes it")
    )  # fmt: skip
    return decisions + [
        Decision(verdict, account_id, reason) for account_id in stored if account_id not in known
    ]


def _decide(document: Document, stored: Document | None) -> Decision:
    account_id = document["_id"]
    if stored is None:
        return Decision(Verdict.TAKEN, account_id, document=document)
    if all(document[key] == stored.get(key) for key in FIELDS):
        return Decision(Verdict.UNCHANGED, account_id)
    return Decision(Verdict.CHANGED, account_id, document=document)
