from service.adapters.rabbitmq.topology.permissions import permissions


def test_the_permissions_are_for_what_is_ours_for_reading_the_sources_and_for_one_notice() -> None:
    needed = permissions("second-one")
    assert needed.configure == r"^second-one(\.|$)"
    assert needed.write == r"^second-one(\.|$)|^notifications$"
    sources = "callevt|im|configuration|notifications|faxes"
    assert needed.read == rf"^second-one(\.|$)|^({sources})$"
