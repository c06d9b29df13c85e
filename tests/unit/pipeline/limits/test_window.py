import pytest

from service.pipeline.limits.window import Window

WINDOW = Window(in_progress=10, most_messages=30, most_bytes=1000)


@pytest.mark.parametrize(
    ("parked", "held_bytes", "size"),
    [
        (0, 0, 10),
        (7, 0, 17),
        (20, 999, 30),
        (500, 999, 30),
        (7, 1000, 10),
        (500, 5000, 10),
    ],
)
def test_parked_messages_come_on_top_up_to_a_number_and_to_bytes(
    parked: int, held_bytes: int, size: int
) -> None:
    assert WINDOW.size(parked, held_bytes) == size


def test_messages_in_progress_are_never_fewer_than_were_asked_for() -> None:
    assert Window(in_progress=10, most_messages=5, most_bytes=1000).size(3, 0) == 10
