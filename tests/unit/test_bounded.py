from service.bounded import BoundedDict


def test_what_was_written_longest_ago_goes_first() -> None:
    kept = BoundedDict[str, int](2)
    kept["a"], kept["b"] = 1, 2
    kept["a"] = 3
    kept["c"] = 4
    assert kept == {"a": 3, "c": 4}


def test_what_was_removed_makes_room() -> None:
    kept = BoundedDict[str, int](2)
    kept["a"], kept["b"] = 1, 2
    del kept["a"]
    kept["c"] = 3
    assert list(kept) == ["b", "c"]
