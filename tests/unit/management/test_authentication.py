"""What is remembered of tokens between two look-ups."""

from service.management.authentication import MOST_REMEMBERED, UNKNOWN_S, SeenTokens


class Clock:
    """Stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_bad_token_is_remembered_for_a_moment() -> None:
    clock = Clock()
    seen = SeenTokens(clock)
    assert not seen.unknown("a")
    seen.note("a", None)
    clock.now += UNKNOWN_S - 0.1
    assert seen.unknown("a")
    assert not seen.unknown("b")
    clock.now += 0.2
    assert not seen.unknown("a")


def test_the_last_look_up_counts() -> None:
    seen = SeenTokens(Clock())
    seen.note("a", "token:1")
    assert (seen.holder("a"), seen.unknown("a")) == ("token:1", False)
    seen.note("a", None)
    assert (seen.holder("a"), seen.unknown("a")) == (None, True)
    seen.note("a", "token:1")
    assert (seen.holder("a"), seen.unknown("a")) == ("token:1", False)


def test_guesses_push_out_older_guesses_but_no_good_token() -> None:
    seen = SeenTokens(Clock())
    seen.note("good", "token:1")
    for number in range(MOST_REMEMBERED + 1):
        seen.note(f"guess-{number}", None)
    assert seen.holder("good") == "token:1"
    assert not seen.unknown("guess-0")
    assert seen.unknown("guess-1")
    for number in range(MOST_REMEMBERED):
        seen.note(f"good-{number}", "token:2")
    assert seen.holder("good") is None


def test_no_token_is_kept_as_it_is() -> None:
    seen = SeenTokens(Clock())
    seen.note("hush-good", "token:1")
    seen.note("hush-bad", None)
    assert "hush" not in str(vars(seen))
