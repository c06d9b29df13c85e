"""Use cases of an account's webhooks: create, see, edit, delete, enable, rotate the secret."""

import uuid
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from secrets import token_bytes, token_hex
from typing import Any

import structlog

from service.dialects.hook import Hook
from service.dialects.question import Question
from service.documents.privacy import hashes
from service.documents.webhook import (
    ASK_KEY,
    SECRET_PREFIX,
    BadDocument,
    earlier_secrets,
    includes_subaccounts,
)
from service.documents.webhook_form import HIDDEN, completed
from service.domain.disable import DisablePolicy
from service.domain.errors import Conflict, Invalid, NotFound
from service.domain.principal import Principal
from service.domain.webhook import ALL_HOOKS, NOTHING, OWN
from service.egress.rules import in_words
from service.management.audit import Action, Audit
from service.management.ports import (
    Accounts,
    DisabledWebhooks,
    Document,
    FailureCounts,
    UriGuard,
    WebhookDocuments,
)
from service.management.webhook_changes import changes_between
from service.management.webhook_moves import check_moves
from service.management.webhook_rules import check_members, check_size, unhidden
from service.text.plural import counted

SECRET_BYTES = 32
ASK_KEY_BYTES = 16
MOST_EARLIER_SECRETS = 10
"""Each earlier secret adds a signature to every request; receivers limit a header's length."""

ACTIONS = {
    "created": Action.WEBHOOK_CREATED,
    "changed": Action.WEBHOOK_CHANGED,
    "enabled": Action.WEBHOOK_ENABLED,
    "disabled": Action.WEBHOOK_DISABLED,
    "deleted": Action.WEBHOOK_DELETED,
    "rotated": Action.SECRET_ROTATED,
}
"""Actions in a webhook's history, each with its action in the audit log."""

log = structlog.get_logger(__name__)


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Webhooks:
    """The use cases. The API has checked the members' types; these methods check their values.

    Every method raises NotFound for a webhook that is not the account's, and Invalid.
    """

    documents: WebhookDocuments
    disabled: DisabledWebhooks
    health: FailureCounts
    accounts: Accounts
    guard: UriGuard
    audit: Audit
    hooks: Mapping[str, Hook]
    questions: Mapping[str, Question]
    default_source: str
    disable_policy: DisablePolicy
    most_per_account: int
    makes_key_pairs: bool
    https_for_new_accounts: bool
    forget: Callable[[str], None]
    """Called with every account whose webhooks changed, so that this process notices at once."""
    now: Callable[[], datetime] = _now

    async def all(self, account_id: str, source: str | None = None) -> Sequence[Document]:
        """Return the documents of an account's webhooks, of one source or all, in any order."""
        found = await self.documents.of_account(account_id)
        return [one for one in found if source in (None, one.get("source"))]

    async def one(self, account_id: str, webhook_id: str, source: str | None = None) -> Document:
        """Return the document of a webhook; with a `source`, only one of that dialect."""
        document = _found(await self.documents.find(account_id, webhook_id), webhook_id)
        return _found(document if source in (None, document.get("source")) else None, webhook_id)

    async def includes_subaccounts(self, account_id: str, webhook_id: str) -> bool:
        """Return whether a webhook gets the events of the accounts below its own."""
        return includes_subaccounts(await self.one(account_id, webhook_id))

    async def health_of(self, account_id: str, webhook_id: str) -> dict[str, Any]:
        """Return how many failures a webhook has, and how many disable it."""
        policy = await self.accounts.disable_policy(account_id) or self.disable_policy
        failures = await self.health.failures(webhook_id)
        counted = policy.counted(failures, self.now().timestamp())
        return {
            "recent_failures": counted,
            "disabled_at_failures": policy.failure_count,
            "window_s": policy.window_s,
        }

    async def create(self, by: Principal, account_id: str, members: Document) -> Document:
        """Add a webhook; return its document with its secret, created unless given.

        Raises Conflict where the account has too many.
        """
        given = {key: value for key, value in members.items() if value not in (None, HIDDEN)}
        given |= {key: value for key, value in self._source(given).items() if value is not None}
        new = self.https_for_new_accounts and await self._is_new(account_id)
        await self._check(account_id, given, given, https_only=new)
        if new:
            await self.accounts.require_https(account_id)
        given |= self._ask_key(given, {})
        entry = self._entry(by, "created", ())
        document = _readable({**given, "_id": uuid.uuid4().hex, "account_id": account_id})
        document |= {
            **given,
            "secret": given.get("secret") or new_secret(),
            "created_at": entry["at"],
            "created_by": by.name,
            "modified_at": entry["at"],
            "modified_by": by.name,
            "history": [entry],
        }
        if not await self.documents.insert(document, self.most_per_account):
            text = f"the account has {counted(self.most_per_account, 'webhook')}, the most allowed"
            raise Conflict(text)
        await self._noted(by, document, entry)
        return document

    async def draft(
        self, account_id: str, webhook_id: str | None, members: Document
    ) -> dict[str, Any]:
        """Return the document of an enabled webhook with these members; nothing is stored.

        Other members are those of the stored webhook, if one is named.
        """
        stored = {} if webhook_id is None else await self.one(account_id, webhook_id)
        blank = {"_id": "draft", "uri": "https://draft.invalid/", "hook": ALL_HOOKS}
        merged = {**blank, **stored, **members}
        problems = check_members(members, merged, self.hooks, self.questions)
        if problems:
            raise Invalid(problems)
        kept = {key: value for key, value in merged.items() if value is not None}
        return {**kept, "account_id": account_id, "enabled": True}

    async def edit(
        self, by: Principal, account_id: str, webhook_id: str, members: Document
    ) -> Document:
        """Change only the given members; None removes one. Return the document.

        Enabling resets the failures and the reason. Only given members are checked, so that a
        webhook with an old fault in another member can still be disabled and enabled. Credentials
        do not move along to another server: see `check_moves`.
        """
        stored = await self.one(account_id, webhook_id)
        moved = check_moves(members, stored)
        if moved:
            raise Invalid(moved)
        changes = unhidden(members, stored) | self._source(members)
        changes |= self._ask_key(members, stored)
        if "enabled" in changes and changes["enabled"] is None:
            changes["enabled"] = True  # the default
        merged = {**stored, **changes}
        await self._check(account_id, changes, merged)
        _readable({key: value for key, value in merged.items() if value is not None})
        if "enabled" in changes:
            changes = {**changes, "disable_reason": None, "disabled_at": None}
        told = changes_between(stored, {**stored, **changes}, members)
        entry = self._entry(by, _action(changes, stored), tuple(members), told)
        changed = _found(await self._change(by, account_id, webhook_id, changes, entry), webhook_id)
        if changes.get("enabled"):
            await self.health.succeeded(str(stored["_id"]))
        return changed

    async def delete(self, by: Principal, account_id: str, webhook_id: str) -> Document:
        """Remove a webhook for good and return its last document; waiting retries are cancelled."""
        entry = self._entry(by, "deleted", ())
        deleted = await self.documents.delete(account_id, webhook_id, entry["at"])
        document = _found(deleted, webhook_id)
        await self._noted(by, document, entry)
        return document

    async def enable_all(self, by: Principal, account_id: str, *, descendants: bool) -> int:
        """Enable the webhooks that were disabled for failing; return their number.

        Webhooks disabled by hand stay disabled.
        """
        account_ids: Sequence[str] = [account_id]
        if descendants:
            account_ids = await self.accounts.with_descendants(account_id)
        told = {"enabled": {"old": False, "new": True}}
        entry = self._entry(by, "enabled", ("enabled",), told)
        enabled = await self.disabled.enable_all(account_ids, entry)
        for document in enabled:
            await self.health.succeeded(str(document["_id"]))
            await self._noted(by, document, entry)
        return len(enabled)

    async def rotate(
        self, by: Principal, account_id: str, webhook_id: str, overlap_s: float, secret: str | None
    ) -> Document:
        """Give a webhook a new secret; the old one signs as well for `overlap_s`.

        Secrets of earlier rotations sign until their own time is over. Raises Conflict if too many
        secrets would sign, or if the webhook is changed at the same time.
        """
        stored = await self.one(account_id, webhook_id)
        old = HIDDEN if stored.get("secret") is not None else None
        told = {"secret": {"old": old, "new": HIDDEN}}
        entry = self._entry(by, "rotated", ("secret",), told)
        earlier = _still_signing(stored, entry["at"])
        if overlap_s > 0 and stored.get("secret") is not None:
            until = entry["at"] + timedelta(seconds=overlap_s)
            earlier = [{"secret": stored["secret"], "until": until}, *earlier]
            if len(earlier) > MOST_EARLIER_SECRETS:
                text = f"{MOST_EARLIER_SECRETS} earlier secrets sign already, the most allowed"
                raise Conflict(f"{text}; with overlap_s 0 the secret changes at once")
        members = {
            "secret": secret or new_secret(),
            "previous_secrets": earlier or None,
            "previous_secret": None,
            "previous_secret_until": None,
        }
        _readable({**stored, **members})
        # Two rotations at once would keep the same old secret, and lose one of the new ones.
        same = {"modified_at": stored.get("modified_at")}
        changed = await self._change(by, account_id, webhook_id, members, entry, same)
        if changed is None:
            raise Conflict("the webhook was changed at the same time; rotate again")
        return changed

    def _ask_key(self, members: Document, stored: Document) -> dict[str, Any]:
        """Return a key for the address of a webhook that becomes actionable."""
        if members.get("hook") not in self.questions or stored.get(ASK_KEY):
            return {}
        return {ASK_KEY: token_hex(ASK_KEY_BYTES)}

    def _source(self, members: Document) -> dict[str, Any]:
        """Return the dialect of the hook that members name; None where it is the default.

        `all` means every hook of the one switch that is enabled, or of the default one; never the
        service's own events.
        """
        named = members.get("hook") or ""
        if named == ALL_HOOKS:
            sources = {hook.source for hook in self.hooks.values()} - {OWN}
        else:
            known = self.hooks.get(named) or self.questions.get(named)
            sources = set() if known is None else {known.source}
        if len(sources) != 1:
            return {}
        source = sources.pop()
        return {"source": None if source == self.default_source else source}

    async def _is_new(self, account_id: str) -> bool:
        """Return whether an account has neither a webhook nor a word about plain http."""
        said = await self.accounts.requires_https(account_id)
        return said is None and not await self.documents.of_account(account_id)

    async def _check(
        self, account_id: str, given: Document, merged: Document, *, https_only: bool = False
    ) -> None:
        problems = check_members(given, merged, self.hooks, self.questions) | check_size(
            given, merged
        )
        if given.get("public_key_signature") and not self.makes_key_pairs:
            text = "the operator has set no secrets.signing_key"
            problems["public_key_signature"] = {"invalid": {"message": text}}
        if hashes(given) and not self.makes_key_pairs:
            text = "the operator has set no secrets.signing_key, from which hashes get their key"
            problems["mask"] = {"invalid": {"message": text}}
        uris = [(name, uri) for name, uri in _uris(given) if name not in problems]
        if uris and not https_only:
            https_only = bool(await self.accounts.requires_https(account_id))
        for name, uri in uris:
            rule = await self.guard.refusal(uri, https_only=https_only)
            if rule is not None:
                text = f"invalid client URL: refused by {in_words(rule)}"
                problems[name] = {"error": {"message": text, "value": uri, "cause": rule}}
        if problems:
            raise Invalid(problems)

    async def _change(
        self,
        by: Principal,
        account_id: str,
        webhook_id: str,
        members: Document,
        entry: Document,
        same: Document = NOTHING,
    ) -> Document | None:
        at = {"modified_at": entry["at"], "modified_by": entry["by"]}
        whole = {**members, **at}
        changed = await self.documents.change(account_id, webhook_id, whole, entry, same)
        if changed is not None:
            await self._noted(by, changed, entry)
        return changed

    async def _noted(self, by: Principal, document: Document, entry: Document) -> None:
        account_id, webhook_id = document["account_id"], str(document["_id"])
        self.forget(account_id)
        log.info(
            "webhook.audited",
            action=entry["action"],
            webhook_id=webhook_id,
            account_id=account_id,
            by=by.name,
            members=entry["members"],
        )
        told = {key: entry[key] for key in ("members", "changes") if entry.get(key)}
        name = {"name": document["name"]} if isinstance(document.get("name"), str) else {}
        await self.audit.note(by, ACTIONS[entry["action"]], account_id, webhook_id, **name, **told)

    def _entry(
        self, by: Principal, action: str, members: Sequence[str], changes: Document = NOTHING
    ) -> dict[str, Any]:
        entry = {"at": self.now(), "by": by.name, "action": action, "members": sorted(members)}
        return entry | ({"changes": dict(changes)} if changes else {})


def new_secret() -> str:
    """Return a new signing secret in the form of Standard Webhooks."""
    return SECRET_PREFIX + b64encode(token_bytes(SECRET_BYTES)).decode()


def _uris(members: Document) -> Iterator[tuple[str, str]]:
    """Yield every URL that requests may go to, with the name of its member."""
    for name in ("uri", "fallback_uri"):
        if members.get(name) is not None:
            yield name, members[name]
    auth = members.get("auth")
    if auth is not None and isinstance(auth.get("token_url"), str):
        yield "auth", auth["token_url"]


def _found(document: Document | None, webhook_id: str) -> Document:
    if document is None:
        raise NotFound(webhook_id)
    return document


def _still_signing(document: Document, now: datetime) -> list[Document]:
    """Return the secrets of earlier rotations that still sign."""
    times = [(one, one.get("until")) for one in earlier_secrets(document)]
    return [one for one, until in times if isinstance(until, datetime) and until > now]


def _readable(document: Document) -> dict[str, Any]:
    """Return the complete webhook. Raises Invalid if it could not be read back from the store."""
    try:
        return completed(document)
    except BadDocument as error:
        field = str(error).partition(" ")[0].rstrip(":")
        raise Invalid.of(field, "error", str(error)) from None


def _action(changes: Document, stored: Document) -> str:
    if "enabled" not in changes or bool(changes["enabled"]) == bool(stored.get("enabled", True)):
        return "changed"
    return "enabled" if changes["enabled"] else "disabled"
