"""Decision whether a delivery's event is too old for another attempt."""

from collections.abc import Callable

from service.domain.delivery import Delivery
from service.domain.freshness import Expiry, Freshness, FreshnessPolicy
from service.domain.webhook import Webhook

ON_TIME_S = 5.0
"""An event that arrives within so many seconds is attempted once, however low the limit is: a limit
below the usual way from the switch to here would lose every event."""
KindOf = Callable[[str, str], Freshness]
"""Tells the class of an event from its hook and name."""


def expiry_of(
    policy: FreshnessPolicy, delivery: Delivery, webhook: Webhook, kind_of: KindOf, now: float
) -> Expiry | None:
    """Return by how much the next attempt is too late, or None if it may be made.

    `now` is unix seconds. A delivery that comes from the switch is judged by its age at the
    arrival, whatever it waited here. The first attempt of a replay is always made.
    """
    if not delivery.owed:
        age_s = delivery.received_at - counted_from(policy, delivery)
        if age_s <= ON_TIME_S:
            return None
    elif delivery.past or delivery.deferrals:
        age_s = now - counted_from(policy, delivery)
    else:
        return None
    limit_s = _limit_s(policy, delivery, webhook, kind_of)
    return Expiry(age_s, limit_s) if limit_s and age_s > limit_s else None


def counted_from(policy: FreshnessPolicy, delivery: Delivery) -> float:
    """Return the time from which the age counts, in unix seconds."""
    if delivery.replayed_at is not None:
        return delivery.replayed_at
    occurred_at, received_at = delivery.occurred_at, delivery.received_at
    if occurred_at is None or abs(received_at - occurred_at) > policy.clock_skew_s:
        return received_at
    return occurred_at


def _limit_s(
    policy: FreshnessPolicy, delivery: Delivery, webhook: Webhook, kind_of: KindOf
) -> float:
    """Return the limit of the replay, else of the webhook, else of the class; 0 means none."""
    if delivery.max_age_s is not None:
        return delivery.max_age_s
    if webhook.max_age_s is not None:
        return webhook.max_age_s
    return policy.limit_s(kind_of(delivery.hook, delivery.event_name))
