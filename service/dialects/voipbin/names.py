"""The names that subscriptions use for hooks, beside the ids of the catalogue."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from service.dialects.voipbin.kinds import KINDS
from service.domain.webhook import ALL_HOOKS, Webhook

MESSAGE_CREATED = "message_created"
MESSAGE_RECEIVED = "message_received"
MESSAGE_DIRECTION = "message_direction"
"""The fact of a new text message that tells whether it was received."""

ALIASES: Mapping[str, Sequence[str]] = {
    "call_answered": ("call_progressing",),
    "call_completed": ("call_hangup",),
    "call_hungup": ("call_hangup",),
    "call_status": (
        "call_dialing", "call_ringing", "call_progressing", "call_terminating", "call_canceling",
        "call_hangup",
    ),
    "message_received": (MESSAGE_CREATED,),
    "queuecall_entering": ("queuecall_connecting",),
    "queuecall_kicking": ("queuecall_waiting",),
    "recording_completed": ("recording_finished",),
    "recording_created": ("recording_started",),
    "recording_updated": ("recording_finished",),
    "transcribe_completed": ("transcribe_done",),
    "transcribe_updated": ("transcribe_done",),
    "account_created": ("conversation-manager/account_created",),
    "account_deleted": ("conversation-manager/account_deleted",),
    "account_updated": ("conversation-manager/account_updated",),
}  # fmt: skip
"""Names of VoIPBIN's older documentation, and those of types that only one service delivers."""


@dataclass(frozen=True, slots=True)
class HookNames:
    """Reads the names in subscriptions."""

    patterned: Sequence[tuple[str, str]] = tuple(
        (name, one.hook_id) for one in KINDS if one.reaches_all for name in (one.type, one.hook_id)
    )
    """Names that patterns are compared with, each with its hook."""

    def catalogued(self, webhook: Webhook) -> Webhook:
        """Return the webhook with the ids of its hooks: aliases and patterns are resolved.

        `message_received` means new messages that came from outside, unless the webhook wants all
        new messages anyway.
        """
        names = {name.replace(".", "_") for name in webhook.hooks}
        others = {hook for name in names - {MESSAGE_RECEIVED} for hook in self._hooks(name)}
        if MESSAGE_RECEIVED not in names or others & {ALL_HOOKS, MESSAGE_CREATED}:
            return replace(webhook, hooks=frozenset(others))
        filters = {**webhook.filters, MESSAGE_DIRECTION: "inbound"}
        return replace(webhook, hooks=frozenset(others | {MESSAGE_CREATED}), filters=filters)

    def knows(self, name: str) -> bool:
        """Return whether a name, a pattern or `*` in a subscription can mean any hook."""
        name = name.lower().replace(".", "_")
        every = {ALL_HOOKS, "*", *ALIASES, *(one.hook_id for one in KINDS)}
        return name in every or (name.endswith("*") and bool(self._hooks(name)))

    def _hooks(self, name: str) -> Sequence[str]:
        if not name.endswith("*"):
            return ALIASES.get(name, (name,))
        prefix = name.removesuffix("*")
        return [hook for known, hook in self.patterned if known.startswith(prefix)]
