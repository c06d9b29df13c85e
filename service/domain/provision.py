"""What a switch tells on its bus about destinations that it manages itself."""

from collections.abc import Mapping
from typing import Any

from service.domain.immutable import immutable


@immutable
class AccountProvision:
    """An account as its switch knows it since `changed_at` (unix seconds).

    `webhook` is the document of the one webhook that the switch has for the account; None where it
    has none, or no longer has the account.
    """

    account_id: str
    source: str
    name: str
    secret: str | None
    """The key of the dialect's own signature, for all webhooks of the account that have none."""
    webhook_id: str
    webhook: Mapping[str, Any] | None
    changed_at: float


@immutable
class ScopedWebhook:
    """A webhook for the events of one scope only, such as the run of a flow."""

    scope_id: str
    document: Mapping[str, Any]


Provision = AccountProvision | ScopedWebhook
