from service.workers.backoff import (
    FIRST_PAUSE_S,
    LONGEST_PAUSE_S,
    QUICK,
    RAN_WELL_S,
    Backoff,
)


def test_the_first_pauses_are_short_and_then_they_double_up_to_the_longest() -> None:
    backoff = Backoff()
    pauses = [backoff.after_death(lived_s=1) for _ in range(QUICK + 8)]
    assert pauses[:QUICK] == [FIRST_PAUSE_S] * QUICK
    assert pauses[QUICK:] == [0.5, 1, 2, 4, 8, 16, LONGEST_PAUSE_S, LONGEST_PAUSE_S]


def test_a_poison_that_strikes_five_times_pauses_a_worker_for_half_a_second_in_all() -> None:
    backoff = Backoff()
    assert sum(backoff.after_death(lived_s=1) for _ in range(5)) <= 0.5


def test_a_worker_that_ran_well_begins_anew() -> None:
    backoff = Backoff()
    for _ in range(QUICK + 3):
        backoff.after_death(lived_s=1)
    assert backoff.after_death(lived_s=RAN_WELL_S) == FIRST_PAUSE_S
    assert backoff.after_death(lived_s=1) == FIRST_PAUSE_S


def test_three_deaths_in_a_row_are_hopeless_until_one_ran_well() -> None:
    backoff = Backoff()
    hopeless = []
    for lived_s in (1, 1, 1, 1, RAN_WELL_S, 1):
        backoff.after_death(lived_s)
        hopeless.append(backoff.hopeless)
    assert hopeless == [False, False, True, True, False, False]
