import pytest

from service.domain.principal import Principal


@pytest.mark.parametrize(
    ("principal", "expected"),
    [
        (Principal("own", "middle"), ["middle"]),
        (Principal("wide", "middle", descendants=True), ["middle", "leaf"]),
        (Principal("root", "root", descendants=True), ["root", "middle", "leaf"]),
        (Principal("superuser"), ["root", "middle", "leaf", "stranger"]),
        (Principal("reader", "leaf", read_only=True), ["leaf"]),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_who_may_act_on_which_account(principal: Principal, expected: list[str]) -> None:
    trees = {"root": (), "middle": ("root",), "leaf": ("root", "middle"), "stranger": ()}
    allowed = [account for account, tree in trees.items() if principal.may_act_on(account, tree)]
    assert allowed == expected


def test_only_who_has_no_account_is_a_superuser() -> None:
    assert Principal("x").superuser
    assert not Principal("x", "").superuser
    assert not Principal("x", "").may_act_on("a", ())
