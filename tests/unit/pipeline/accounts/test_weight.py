import tracemalloc

import pytest

from service.documents.webhook import webhook_of
from service.domain.webhook import Account, account_of
from service.pipeline.accounts.weight import weight_of


def loaded(account_id: str, webhooks: int, **members: object) -> Account:
    """Return an account as it is loaded: no part of it belongs to another one."""
    documents = [
        {
            "_id": f"{account_id}-{number}",
            "account_id": account_id,
            "hook": "all",
            "uri": f"https://hooks.example.net/{account_id}/{number}",
            "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            **members,
        }
        for number in range(webhooks)
    ]
    return account_of(account_id, ("root",), None, list(map(webhook_of, documents)))


@pytest.mark.parametrize(
    ("webhooks", "members"),
    [
        (1, {}),
        (50, {}),
        (50, {"custom_data": {"x": "y" * 10_000}}),
        (50, {"custom_data": {f"key-{n}": f"value-{n}" for n in range(100)}}),
        (50, {"modifiers": {"call_direction": [f"value-{n}" for n in range(100)]}}),
        (50, {"filters": [{"member": f"m-{n}", "op": "eq", "value": n} for n in range(50)]}),
        (50, {"filters": [{"caller": [f"+{n}*" for n in range(50)]}]}),
        (50, {"mask": [{"member": f"m-{n}.x", "keep": n} for n in range(50)]}),
    ],
    ids=str,
)
def test_the_weight_of_an_account_is_about_the_memory_it_takes(
    webhooks: int, members: dict[str, object]
) -> None:
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    accounts = [loaded(f"account-{number}", webhooks, **members) for number in range(20)]
    taken = (tracemalloc.get_traced_memory()[0] - before) / len(accounts)
    tracemalloc.stop()
    weight = sum(map(weight_of, accounts)) / len(accounts)
    assert taken * 0.7 <= weight <= taken * 2.5
