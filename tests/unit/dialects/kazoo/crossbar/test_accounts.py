from typing import Any

from service.dialects.kazoo.crossbar.accounts import (
    account_document,
    plan_accounts,
    tree_above,
    tree_of,
)
from service.dialects.kazoo.crossbar.decision import Verdict

ITEM = {"id": "c", "name": "Customer", "realm": "c.example.com", "reseller_id": "b"}


def test_an_account_comes_with_its_ancestors_and_not_itself() -> None:
    assert account_document(ITEM, ["a", "b", "c"]) == {
        "_id": "c",
        "name": "Customer",
        "tree": ["a", "b"],
        "reseller_id": "b",
    }


def test_an_unknown_reseller_is_none() -> None:
    for value in (None, "", "undefined", 3):
        assert account_document({**ITEM, "reseller_id": value}, [])["reseller_id"] is None


def test_the_ancestors_of_the_root_stand_in_every_tree_below() -> None:
    items: list[dict[str, Any]] = [{"id": "x"}, {"id": "d", "tree": ["a", "b", "c"]}]
    assert tree_above("b", items) == ["a"]
    assert tree_above("a", items) == []
    assert tree_above("z", items) is None
    assert tree_of(items[0]) is None


def test_every_account_is_decided_about() -> None:
    same, moved, new = (
        account_document({"id": name, "name": name}, ["root"]) for name in ("same", "moved", "new")
    )
    stored = {"same": same, "moved": {**moved, "tree": ["other"]}, "gone": {"_id": "gone"}}
    decisions = plan_accounts([same, moved, new], stored, prune=False)
    assert [(d.item_id, d.verdict, d.document) for d in decisions] == [
        ("same", Verdict.UNCHANGED, None),
        ("moved", Verdict.CHANGED, moved),
        ("new", Verdict.TAKEN, new),
        ("gone", Verdict.GONE, None),
    ]
    assert plan_accounts([], {"gone": {}}, prune=True)[0].verdict is Verdict.REMOVED
