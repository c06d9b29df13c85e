"""From Crossbar's accounts to ours, and what has to be done about each."""

from collections.abc import Mapping, Sequence
from typing import Any

from service.dialects.kazoo.crossbar.decision import Decision, Document, Verdict

FIELDS = ("name", "tree", "reseller_id")


def account_document(item: Document, tree: Sequence[str]) -> dict[str, Any]:
    """Return our document of an account; Crossbar writes an unknown reseller as `undefined`."""
    reseller_id = item.get("reseller_id")
    known = isinstance(reseller_id, str) and reseller_id not in ("", "undefined")
    return {
        "_id": str(item["id"]),
        "name": str(item.get("name") or ""),
        "tree": [ancestor for ancestor in tree if ancestor != item["id"]],
        "reseller_id": reseller_id if known else None,
    }


def tree_of(item: Document) -> Sequence[str] | None:
    """Return the ancestors that an item names, root first; None where it does not name them."""
    tree = item.get("tree")
    return [str(ancestor) for ancestor in tree] if isinstance(tree, list) else None


def tree_above(root_id: str, items: Sequence[Document]) -> Sequence[str] | None:
    """Return the ancestors of the root, as the tree of any account below tells them."""
    for item in items:
        tree = tree_of(item)
        if tree and root_id in tree:
            return tree[: tree.index(root_id)]
    return None


def plan_accounts(
    found: Sequence[Document], stored: Mapping[str, Document], *, prune: bool
) -> list[Decision]:
    """Decide about every account that was found, and every one that we have and was not."""
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
