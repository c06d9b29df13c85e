"""Settings of Kazoo's dialect."""

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
"""The list that Kazoo's own schema suggests for `call_command/reserved_ccv_keys`."""


@dataclass(frozen=True, slots=True)
class KazooPolicy:
    """Settings for reading Kazoo's messages and for the fields to send on."""

    __pydantic_config__: ClassVar = {"extra": "forbid", "use_attribute_docstrings": True}

    cluster_id: Annotated[str, Len(1, 64)] | None = None
    """Id of the cluster, sent as `cluster_id` in every payload; left out if unset."""
    reserved_ccv_keys: tuple[str, ...] | None = RESERVED_CCV_KEYS
    """Channel variables left out of `custom_channel_vars`. Empty sends all variables; null sends
    none."""
    object_types: tuple[str, ...] = (
        "account", "callflow", "device", "faxbox", "media", "user", "vmbox", "fax",
        "mailbox_message", "call_recording",
    )  # fmt: skip
    """Types of objects that the catalogue lists as filters of the hook `object`."""
    forward_secrets: bool = False
    """Send the passwords, reset links and API keys that some notifications carry."""
    sms_routes: tuple[Literal["offnet", "onnet", "outbound"], ...] = ("offnet",)
    """Routes of the messages for the hooks `sms` and `mms`; Kazoo itself delivers only `offnet`."""
    answer_pivot_requests: Literal["callevt", "targeted"] | None = None
    """Answer the requests of callflows on the bus in place of Kazoo's app pivot, which must be
    stopped; the exchange that documents are sent by. See the description of the API first."""
