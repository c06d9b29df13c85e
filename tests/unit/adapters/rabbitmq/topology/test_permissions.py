from service.adapters.rabbitmq.topology.permissions import permissions
from tests.dialects import DIALECTS


def test_the_permissions_are_for_what_is_ours_for_reading_the_sources_and_for_one_notice() -> None:
    exchanges = [binding.exchange for binding in DIALECTS.bindings]
    needed = permissions("second-one", exchanges, DIALECTS.announcing_exchanges)
    assert needed.configure == r"^second-one(\.|$)"
    assert needed.write == r"^second-one(\.|$)|^notifications$"
    sources = "callevt|im|configuration|notifications|faxes"
    assert needed.read == rf"^second-one(\.|$)|^({sources})$"


def test_where_no_switch_is_on_the_broker_only_ours_is_needed() -> None:
    needed = permissions("one", (), ("a", "b.c"))
    assert needed.read == needed.configure == r"^one(\.|$)"
    assert needed.write == r"^one(\.|$)|^(a|b\.c)$"
