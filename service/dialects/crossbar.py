"""Crossbar, Kazoo's REST API, for the commands and the API that call it; see `kazoo.crossbar`."""

from service.dialects.kazoo.crossbar.client import CrossbarClient
from service.dialects.kazoo.crossbar.decision import Decision, Verdict
from service.dialects.kazoo.crossbar.export import documents_in
from service.dialects.kazoo.crossbar.migration import (
    fetch_webhooks,
    import_webhooks,
    sync_accounts,
)

__all__ = [
    "CrossbarClient",
    "Decision",
    "Verdict",
    "documents_in",
    "fetch_webhooks",
    "import_webhooks",
    "sync_accounts",
]
