"""Every hook of VoIPBIN: what can be subscribed to, and what comes then."""

from collections.abc import Mapping
from typing import Any

from service.dialects.hook import Hook
from service.dialects.voipbin.exchanges import bindings
from service.dialects.voipbin.freshness import freshness_of
from service.dialects.voipbin.kinds import KINDS, Kind
from service.dialects.voipbin.policy import VoipbinPolicy
from service.dialects.voipbin.resource import RESOURCES, Member
from service.dialects.voipbin.samples import sample_of

NAME = "voipbin"


def hooks(policy: VoipbinPolicy) -> tuple[Hook, ...]:
    """Return the hooks whose events come through the taps that are on."""
    on = (kind for kind in KINDS if set(kind.taps) & set(policy.taps))
    return tuple(_hook(kind, policy) for kind in on)


def _hook(kind: Kind, policy: VoipbinPolicy) -> Hook:
    return Hook(
        hook_id=kind.hook_id,
        name=kind.type.replace("_", " ").capitalize(),
        description=kind.description,
        source=NAME,
        binds=bindings(kind, policy.taps),
        members={
            "type": {"type": "string", "const": kind.type, "description": "The type of event."},
            "data": _data_schema(kind, with_secrets=policy.forward_secrets),
        },
        required=("type", "data"),
        sample=sample_of(kind, policy.taps),
        freshness=freshness_of(kind),
    )


def _data_schema(kind: Kind, *, with_secrets: bool) -> dict[str, Any]:
    schema = {"type": "object", "description": "The resource, as VoIPBIN's API shows it."}
    resource = RESOURCES.get(kind.resource)
    if resource is None:
        return schema
    members = [one for one in resource.members if with_secrets or not one.secret]
    return schema | {
        "properties": {member.name: _member_schema(member) for member in members},
        "required": [kind.account_member] if kind.resource == "customer" else ["id", "customer_id"],
    }


def _member_schema(member: Member) -> Mapping[str, Any]:
    # Lists, objects, and the times of most resources are null while they are not set.
    nullable = member.json_type in ("array", "object") or member.name.startswith("tm_")
    return {"type": [member.json_type, "null"] if nullable else member.json_type}
