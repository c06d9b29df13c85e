"""Settings of Kazoo's messages."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from annotated_types import Len

RESERVED_CCV_KEYS = (
    "Account-ID", "Account-Name", "Account-Realm", "Authorizing-ID", "Authorizing-Type",
    "Auto-Answer", "Call-Forward", "Call-Waiting-Disabled", "Confirm-Cancel-Timeout",
    "Confirm-File", "Confirm-Key", "Fax-Enabled", "Loopback-Bowout",
    "Media-Encryption-Enforce-Security", "Media-Webrtc", "Owner-ID", "Presence-ID", "RTCP-MUX",
    "Realm", "Require-Ignore-Early-Media", "Retain-CID", "SIP-Invite-Domain", "Simplify-Loopback",
    "Username",
)  # fmt: skip
"""The list that Kazoo's own schema of `call_command/reserved_ccv_keys` suggests."""


@dataclass(frozen=True, slots=True)
class KazooPolicy:
    """How Kazoo's messages are read and what of them is sent on."""

    __pydantic_config__: ClassVar = {"extra": "forbid", "use_attribute_docstrings": True}

    cluster_id: Annotated[str, Len(1, 64)] | None = None
    """Sent as `cluster_id` in every payload; left out while unset."""
    reserved_ccv_keys: tuple[str, ...] | None = RESERVED_CCV_KEYS
    """Channel variables kept out of `custom_channel_vars`. Empty: all are sent; null: none is."""
    object_types: tuple[str, ...] = (
        "account", "callflow", "device", "faxbox", "media", "user", "vmbox", "fax",
        "mailbox_message", "call_recording",
    )  # fmt: skip
    """The types of objects that the catalogue offers to filter hook `object` by."""
    forward_secrets: bool = False
    """Send the passwords, reset links and API keys that some notifications carry."""
    sms_routes: tuple[Literal["offnet", "onnet", "outbound"], ...] = ("offnet",)
    """Which messages reach the hooks `sms` and `mms`; Kazoo itself delivers only `offnet`."""
