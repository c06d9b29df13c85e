"""Pauses of endpoints and accounts, as a worker knows them."""

from service.pipeline.backlog.pauses import Pauses
from service.pipeline.recovery.availability import Availability
from tests.builders import make_webhook
from tests.fakes import make_metrics


class FakeStore:
    """A store with these pauses."""

    def __init__(self, accounts: tuple[str, ...] = (), endpoints: tuple[str, ...] = ()) -> None:
        self.found = frozenset(accounts), frozenset(endpoints)

    async def in_force(self) -> tuple[frozenset[str], frozenset[str]]:
        return self.found


async def loaded(store: FakeStore) -> Pauses:
    pauses = Pauses(store, Availability(make_metrics()))
    assert not pauses.loaded
    await pauses.load()
    assert pauses.loaded
    return pauses


async def test_without_pauses_no_webhook_is_covered() -> None:
    assert not (await loaded(FakeStore())).cover(make_webhook())


async def test_a_paused_account_covers_its_webhooks_only() -> None:
    pauses = await loaded(FakeStore(accounts=("a",)))
    assert pauses.cover(make_webhook(account_id="a"))
    assert not pauses.cover(make_webhook(account_id="b"))


async def test_a_paused_endpoint_covers_every_path_of_scheme_host_and_port() -> None:
    pauses = await loaded(FakeStore(endpoints=("https://hooks.example:443",)))
    assert pauses.cover(make_webhook(uri="https://HOOKS.example/other?x=1"))
    assert not pauses.cover(make_webhook(uri="http://hooks.example/other"))
    assert not pauses.cover(make_webhook(uri="https://hooks.example:8443/"))
    assert not pauses.cover(make_webhook(uri="no uri"))
