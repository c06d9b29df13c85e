from datetime import UTC, datetime

import pytest

from service.documents.buckets import Bucket, Span, bucket_name, bucket_of, span_for
from service.domain.delivery import attempt_id_of, time_key

AT = datetime(2026, 11, 28, 13, 59, 59, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("days", "span"),
    [
        (0.01, Span.HOUR), (3, Span.HOUR), (3.1, Span.DAY), (30, Span.DAY), (93, Span.DAY),
        (94, Span.MONTH), (3650, Span.MONTH),
    ],
)  # fmt: skip
def test_the_span_of_buckets_follows_from_the_retention(days: float, span: Span) -> None:
    assert span_for(days) is span


@pytest.mark.parametrize(
    ("span", "name", "end"),
    [
        (Span.HOUR, "attempts_2026112813", datetime(2026, 11, 28, 14, tzinfo=UTC)),
        (Span.DAY, "attempts_20261128", datetime(2026, 11, 29, tzinfo=UTC)),
        (Span.MONTH, "attempts_202611", datetime(2026, 12, 1, tzinfo=UTC)),
    ],
)
def test_a_buckets_name_tells_which_ids_it_holds(span: Span, name: str, end: datetime) -> None:
    assert bucket_name(AT, span) == name
    bucket = bucket_of(name)
    assert bucket is not None
    assert bucket.ends_at == end
    assert bucket.first <= attempt_id_of(AT) < bucket.end
    assert not bucket.first <= time_key(end.timestamp()) < bucket.end


@pytest.mark.parametrize("span", Span)
@pytest.mark.parametrize("after_s", [-0.0006, -0.0005, -0.0004, 0, 0.0004])
def test_an_attempt_close_to_midnight_is_in_the_bucket_of_its_id(
    span: Span, after_s: float
) -> None:
    at = datetime(2026, 12, 1, tzinfo=UTC).timestamp() + after_s
    bucket = bucket_of(bucket_name(at, span))
    assert bucket is not None
    assert bucket.first <= attempt_id_of(at) < bucket.end


@pytest.mark.parametrize("name", ["attempts", "attempts_earlier"])
def test_the_log_of_an_earlier_release_holds_every_id(name: str) -> None:
    assert bucket_of(name) == Bucket(name, "", "g", None)


@pytest.mark.parametrize(
    "name", ["attempts_", "attempts_2026", "attempts_20261340", "attempts_-2026112", "webhooks"]
)
def test_other_collections_are_no_buckets(name: str) -> None:
    assert bucket_of(name) is None
