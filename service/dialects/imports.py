"""Accounts that the APIs of switches tell of, for the commands that import them."""

from collections.abc import Awaitable, Callable, Mapping, Sequence

from service.dialects.voipbin.api_client import customers
from service.dialects.voipbin.catalogue import NAME as VOIPBIN
from service.dialects.voipbin.destinations import customer_provision
from service.domain.provision import AccountProvision


async def _from_voipbin(url: str, token: str) -> Sequence[AccountProvision]:
    found = [customer_provision(customer) for customer in await customers(url, token)]
    return [provision for provision in found if provision is not None]


IMPORTS: Mapping[str, Callable[[str, str], Awaitable[Sequence[AccountProvision]]]] = {
    VOIPBIN: _from_voipbin
}
"""By source, what fetches its accounts from the API at a URL, with a token."""
