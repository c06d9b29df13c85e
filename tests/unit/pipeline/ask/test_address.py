"""Addresses of actionable webhooks, as switches have them."""

import pytest

from service.domain.webhook import Asking
from service.pipeline.ask.address import AskAddress, webhook_at
from tests.builders import ACCOUNT, make_webhook
from tests.fakes import FakeDirectory, FakeStore


def test_an_address_is_read_whatever_its_host_and_path_before_ours() -> None:
    address = AskAddress.of(
        "https://us.example:8443/hooks/ask/acc/w-k?menu=1&switchhook-next=a.b#x"
    )
    assert address == AskAddress(
        "https://us.example:8443/hooks/ask/acc/w-k",
        "acc",
        "w-k",
        {"menu": "1", "switchhook-next": "a.b"},
    )


@pytest.mark.parametrize(
    "url", ["", "https://us.example/ivr", "https://us.example/?/ask/acc/w-k", "/ask/acc/w-k"]
)
def test_any_other_url_is_no_address(url: str) -> None:
    assert AskAddress.of(url) is None


@pytest.mark.parametrize(
    ("account_id", "last", "found"),
    [
        (ACCOUNT, "hook-k" + 31 * "0", True),
        (ACCOUNT, "hook-k" + 30 * "0", False),
        (ACCOUNT, "hook-", False),
        (ACCOUNT, "hook", False),
        (ACCOUNT, "plain-", False),
        (ACCOUNT, "none-k", False),
        ("other", "hook-k" + 31 * "0", False),
    ],
)
async def test_the_webhook_of_an_address_is_found_by_its_key_alone(
    account_id: str, last: str, found: bool
) -> None:
    store = FakeStore()
    asking = Asking("k" + 31 * "0")
    store.webhooks["hook"] = make_webhook("hook", hook="pivot", asking=asking)
    store.webhooks["plain"] = make_webhook("plain")
    webhook = await webhook_at(FakeDirectory(store), account_id, last)
    assert (webhook is not None) is found
