from service.pipeline.recovery.finished import FinishedDeliveries
from tests.builders import make_delivery, make_past


def test_a_finished_step_is_remembered() -> None:
    finished = FinishedDeliveries()
    assert make_delivery() not in finished
    finished.add(make_delivery())
    assert make_delivery() in finished


def test_other_steps_of_the_same_delivery_are_not_finished_with_it() -> None:
    finished = FinishedDeliveries()
    finished.add(make_delivery())
    assert make_delivery(past=(make_past(),)) not in finished
    assert make_delivery(deferrals=1) not in finished
    assert make_delivery(delivery_id="0" * 32) not in finished


def test_the_oldest_is_forgotten_where_there_are_too_many() -> None:
    finished = FinishedDeliveries(capacity=2)
    first, second, third = (make_delivery(delivery_id=str(number)) for number in range(3))
    for delivery in (first, second, second, third):
        finished.add(delivery)
    assert [delivery in finished for delivery in (first, second, third)] == [False, True, True]
