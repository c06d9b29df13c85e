"""Earlier versions of a hook's schema, which webhooks can stay pinned to."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from typing import Any

Payload = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class EarlierVersion:
    """A schema that a newer one replaced, and the rule that makes its payloads.

    `members` and `required` are those of `Hook`. `rule` makes the payload from that of the current
    version, which a retry has as well. `deprecated_at` and `sunset_at` are aware times; after the
    second, a release may leave the version out.
    """

    version: int
    members: Mapping[str, Mapping[str, Any]]
    required: Sequence[str]
    rule: Callable[[Payload], dict[str, Any]]
    deprecated_at: datetime
    sunset_at: datetime | None = None

    @property
    def headers(self) -> dict[str, str]:
        """The headers `Deprecation` (RFC 9745) and `Sunset` (RFC 8594)."""
        headers = {"Deprecation": f"@{int(self.deprecated_at.timestamp())}"}
        if self.sunset_at is not None:
            headers["Sunset"] = format_datetime(self.sunset_at, usegmt=True)
        return headers
