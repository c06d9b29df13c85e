"""Registry of the profiles, and the writing of a delivery's request in one of them."""

from collections.abc import Iterable, Mapping, Sequence

from service.dialects.content import Content
from service.domain.delivery import Delivery
from service.domain.event import Event
from service.domain.immutable import immutable
from service.domain.webhook import Webhook
from service.profiles.profile import Payload, Profile, RequestKind, Step, Told
from service.profiles.voxtelesys.profile import VOXTELESYS
from service.text.json_text import read_json

PROFILES: Mapping[str, Profile] = {profile.name: profile for profile in (VOXTELESYS,)}
KINDS: Mapping[str, tuple[str, RequestKind]] = {
    kind.kind_id: (profile.name, kind) for profile in PROFILES.values() for kind in profile.kinds
}
"""The name of the profile and the kind of request, by the kind's id."""
DIVIDED = frozenset(
    key for profile in PROFILES.values() for key, place in profile.by_hook.items() if place.divides
)
"""Source and hook of the events that a profile may tell in several requests, or in none."""


def parts_of(profile: str | None, event: Event) -> Sequence[Event]:
    """Return the events that a profile makes of one, each told by itself."""
    if profile is None:
        return (event,)
    place = PROFILES[profile].by_hook.get((event.source, event.hook))
    return (event,) if place is None else place.parts(event)


def step_of(profile: str | None, source: str, hook_id: str, payload: Payload) -> Step | None:
    """Return the step that a payload is in a profile; None where its order is free."""
    return None if profile is None else PROFILES[profile].step(source, hook_id, payload)


def sample_in(profile: str, source: str, hook_id: str, payload: Payload) -> Payload | None:
    """Return the sample of a hook as a profile can tell it; None where it has no place there."""
    place = PROFILES[profile].by_hook.get((source, hook_id))
    return None if place is None else place.sample(payload)


def kinds_of(source: str, hook_id: str) -> dict[str, str]:
    """Return the schema ids of a hook's requests by profile."""
    return {
        profile.name: place.kind.schema_id
        for profile in PROFILES.values()
        if (place := profile.by_hook.get((source, hook_id))) is not None
    }


@immutable
class Origin:
    """The hooks of a switch that a kind of request is made of; if none, why it never comes."""

    hooks: Sequence[str]
    never: str


def origins_of(profile: str, kind: RequestKind, sources: Iterable[str]) -> dict[str, Origin]:
    """Return the origin of a kind of request in each of the sources that the profile knows."""
    found = PROFILES[profile]
    known = {place.source for place in found.places}
    return {source: _origin(found, kind, source) for source in sources if source in known}


def _origin(profile: Profile, kind: RequestKind, source: str) -> Origin:
    hooks = [
        place.hook_id for place in profile.places if (place.source, place.kind) == (source, kind)
    ]
    return Origin(hooks, profile.never.get(source, {}).get(kind.kind_id, ""))


@immutable
class Written:
    """The content of a request in a profile, and the id of its schema."""

    content: Content
    schema_id: str


def written(profile: str, delivery: Delivery, webhook: Webhook) -> Written | None:
    """Return a delivery's request in a profile; None where it has no place there.

    That happens to a delivery that waited while its webhook was given the profile.
    """
    found = PROFILES[profile]
    place = found.by_hook.get((delivery.source, delivery.hook))
    if place is None:
        return None
    account_id = delivery.event_account_id or delivery.account_id
    told = Told(read_json(delivery.payload), account_id, delivery.received_at)
    members = place.members(told)
    if members is None:
        return None
    return Written(found.write(place.kind, members, webhook), place.kind.schema_id)
