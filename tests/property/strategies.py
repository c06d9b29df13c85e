"""Values of which tests want all kinds there are."""

from typing import Any

from hypothesis import strategies as st

from service.domain.delivery import DeadLetter, DeadLetterReason, Delivery, Outcome, PastAttempt

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
moments = st.floats(0, 4e9, allow_nan=False)

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | text
)


def json_values(leaves: st.SearchStrategy[Any] = scalars) -> st.SearchStrategy[Any]:
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
        max_leaves=12,
    )


json_objects = st.dictionaries(text, json_values(), max_size=6)

pasts = st.builds(
    PastAttempt,
    attempt=st.integers(1, 6),
    started_at=moments,
    duration_s=st.floats(0, 60),
    outcome=st.sampled_from(Outcome),
    status=st.none() | st.integers(100, 999),
    detail=st.none() | text,
)


def deliveries(payloads: st.SearchStrategy[bytes]) -> st.SearchStrategy[Delivery]:
    return st.builds(
        Delivery,
        delivery_id=text,
        event_id=text,
        webhook_id=text,
        account_id=text,
        hook=text,
        event_name=text,
        call_id=st.none() | text,
        received_at=moments,
        payload=payloads,
        past=st.lists(pasts, max_size=6).map(tuple),
        deferrals=st.integers(0, 10_000),
        schema_version=st.integers(1, 1000),
        hashed=st.lists(text, max_size=3).map(tuple),
        wait_left_s=st.floats(0.0, 1e6),
        turn_at=moments,
    )


def letters(payloads: st.SearchStrategy[bytes]) -> st.SearchStrategy[DeadLetter]:
    return st.builds(
        DeadLetter,
        delivery=deliveries(payloads),
        reason=st.sampled_from(DeadLetterReason),
        uri=st.none() | text,
        died_at=moments,
    )
