"""Accounts and their webhooks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from service.domain.disable import DisablePolicy
from service.domain.filters.filters import Filters
from service.domain.privacy import Privacy

OWN = "switchhook"
"""The source of the events that the service itself makes."""
ALL_HOOKS = "all"
"""The hook name that receives the events of every hook."""

NOTHING: Mapping[Any, Any] = MappingProxyType({})


class Verb(StrEnum):
    """The HTTP method of a webhook's requests."""

    GET = "GET"
    POST = "POST"
    PUT = "PUT"
    DELETE = "DELETE"


class Order(StrEnum):
    """In which order the events of one call reach a webhook."""

    NONE = "none"
    CALL = "call"
    """The next event waits until the one before is settled, for a limited time."""
    CALL_STRICT = "call_strict"
    """The next event waits until the one before is delivered, or a dead letter."""


class Format(StrEnum):
    """How a request's body is written."""

    FORM_DATA = "form-data"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class OAuthClient:
    """OAuth 2.0 client that gets access tokens with its credentials (RFC 6749, 4.4)."""

    token_url: str
    client_id: str
    client_secret: str = field(repr=False)
    scope: str = ""
    https_only: bool = False
    """Whether its account refuses plain http. As part of the token cache's key, it also keeps out
    tokens that were fetched over plain http."""


@dataclass(frozen=True, slots=True)
class Asking:
    """How an actionable webhook is asked for the document that steers a call."""

    key: str = field(repr=False)
    """The unguessable part of the address that the switch asks at; empty where it has none."""
    budget_s: float = 4.5
    """Seconds from the question to the answer, whoever gives it."""
    static_answer: str | None = None
    """The document that is used where no server gives a usable one."""
    answer_form: str = ""
    """The form of its documents; empty where type and content tell it."""


@dataclass(frozen=True, slots=True)
class Batching:
    """How many events a webhook gets in one request, and for how long the first of them waits."""

    most: int
    within_ms: int


@dataclass(frozen=True, slots=True)
class Webhook:
    """An account's stored subscription: hooks, URI, verb, format and filters."""

    webhook_id: str
    account_id: str
    source: str
    """The dialect of the events it receives."""
    hooks: frozenset[str]
    uri: str
    name: str = ""
    verb: Verb = Verb.POST
    format: Format = Format.FORM_DATA
    retries: int = 2
    """Additional attempts after the first, 0 to 5."""
    enabled: bool = True
    paused: bool = False
    """Whether its deliveries are kept in its backlog instead of sent."""
    has_backlog: bool = False
    """Whether deliveries in its backlog must be sent before any later one."""
    include_subaccounts: bool = False
    custom_data: Mapping[str, Any] = field(default_factory=lambda: NOTHING)
    """Sent with every payload; overwrites members of the same name."""
    filters: Mapping[str, Any] = field(default_factory=lambda: NOTHING)
    """Values that an event's facts must have; a fact that the event lacks is no constraint. See
    `match`."""
    modifiers: Mapping[str, Any] = field(default_factory=lambda: NOTHING)
    secret: bytes | None = field(default=None, repr=False)
    """The HMAC key of the Standard Webhooks signature; without one, requests are not signed."""
    previous_secrets: tuple[tuple[bytes, float], ...] = field(default=(), repr=False)
    """Keys before the last rotations, each with the unix time until which it also signs."""
    dialect_secret: bytes | None = field(default=None, repr=False)
    """Key of the dialect's own signature, beside Standard Webhooks."""
    signing_seed: bytes | None = field(default=None, repr=False)
    """The seed of its Ed25519 key, for signatures that a public key verifies."""
    headers: Mapping[str, str] = field(default_factory=lambda: NOTHING, repr=False)
    """Headers that the account added to every request, `Authorization` included."""
    oauth: OAuthClient | None = None
    """The client whose access tokens its requests carry."""
    timeout_s: float | None = None
    """Seconds until the whole answer must have arrived; None means the platform's."""
    coalesce_ms: int | None = None
    """Of the events of a burst, only the latest within so many milliseconds is sent."""
    order: Order = Order.NONE
    order_wait_s: float = 10.0
    """Seconds for which an event waits for the one before it, with `Order.CALL`."""
    sequenced: bool = False
    """Whether the members of `CallPosition` are added to its payloads."""
    asking: Asking | None = None
    """Its part as an actionable webhook, if it is one."""
    fallback_uri: str | None = None
    """The URI of one last attempt when the retries of a delivery are used up."""
    https_only: bool = False
    """Whether its account refuses plain http."""
    schema_version: int | None = None
    """The version of a hook's schema that its payloads keep to; None means the current one."""
    profile: str | None = None
    """The profile that its requests are written in; None means the form of the event's dialect."""
    max_age_s: float | None = None
    """Most seconds of age of an event at an attempt; 0 means no limit, None the platform's."""
    clauses: Filters | None = None
    """The clauses of its document's `filters`, which must all hold; see `domain.filters`."""
    privacy: Privacy | None = None
    """What it masks and leaves out of the payload, before `custom_data` is added."""
    batching: Batching | None = None
    """Whether several of its events travel in one request."""

    @property
    def follows_calls(self) -> bool:
        """Whether it needs what is known of a call beyond a single event."""
        in_filters = self.clauses is not None and self.clauses.needs_call
        return in_filters or self.order is not Order.NONE or self.sequenced or self.source == OWN


@dataclass(frozen=True, slots=True)
class Account:
    """A tenant as its events need it: its place in the tree and its enabled webhooks.

    `tree` lists the ancestors, root first. An account without a document has no ancestors.
    """

    account_id: str
    tree: tuple[str, ...] = ()
    reseller_id: str | None = None
    webhooks: tuple[Webhook, ...] = ()
    by_id: Mapping[str, Webhook] = field(default_factory=lambda: NOTHING)
    by_hook: Mapping[tuple[str, str], Sequence[Webhook]] = field(default_factory=lambda: NOTHING)
    """Own webhooks by source and hook of an event, those for `all` included, in stored order."""
    inherited_by_hook: Mapping[tuple[str, str], Sequence[Webhook]] = field(
        default_factory=lambda: NOTHING
    )
    """The part of `by_hook` that also receives the events of sub-accounts."""
    disable: DisablePolicy | None = None
    """Its own rule for disabling webhooks; None means the platform's."""
    require_https: bool = False
    """Whether its own webhooks may not use plain http; those of its descendants may."""
    dialect_secrets: Mapping[str, bytes] = field(default_factory=lambda: NOTHING)
    """By source, the key of the dialect's signature for its webhooks that have none."""
    timezone: str | None = None
    """The time zone in which its webhooks' filters read times of day; None means their own."""
    follows_calls: bool = False
    """Whether a webhook of its own needs what is known of its calls."""
    follows_calls_below: bool = False
    """Whether a webhook of its own needs what is known of its descendants' calls."""

    def own(self, source: str, hook: str) -> Sequence[Webhook]:
        """Return its webhooks for its own events of a hook."""
        return _found(self.by_hook, source, hook)

    def inherited(self, source: str, hook: str) -> Sequence[Webhook]:
        """Return its webhooks for its descendants' events of a hook."""
        return _found(self.inherited_by_hook, source, hook)

    def bound(self, webhook: Webhook) -> Webhook:
        """Return one of the account's webhooks with the account's own rules applied."""
        return _bound(
            webhook, self.dialect_secrets, self.timezone, require_https=self.require_https
        )


def account_of(
    account_id: str,
    tree: Sequence[str] = (),
    reseller_id: str | None = None,
    webhooks: Sequence[Webhook] = (),
    disable: DisablePolicy | None = None,
    *,
    require_https: bool = False,
    dialect_secrets: Mapping[str, bytes] = NOTHING,
    timezone: str | None = None,
) -> Account:
    """Return the account with its enabled webhooks indexed by hook."""
    enabled = tuple(
        _bound(webhook, dialect_secrets, timezone, require_https=require_https)
        for webhook in webhooks
        if webhook.enabled
    )
    inherited = tuple(webhook for webhook in enabled if webhook.include_subaccounts)
    return Account(
        account_id,
        tuple(tree),
        reseller_id,
        enabled,
        {webhook.webhook_id: webhook for webhook in enabled} if enabled else NOTHING,
        _by_hook(enabled),
        _by_hook(inherited),
        disable,
        require_https,
        dialect_secrets,
        timezone,
        any(webhook.follows_calls for webhook in enabled),
        any(webhook.follows_calls for webhook in inherited),
    )


def _bound(
    webhook: Webhook, secrets: Mapping[str, bytes], timezone: str | None, *, require_https: bool
) -> Webhook:
    secret = secrets.get(webhook.source)
    if secret is not None and webhook.dialect_secret is None:
        webhook = replace(webhook, dialect_secret=secret)
    if timezone is not None and webhook.clauses is not None:
        webhook = replace(webhook, clauses=webhook.clauses.in_zone(timezone))
    if not require_https:
        return webhook
    oauth = replace(webhook.oauth, https_only=True) if webhook.oauth else None
    return replace(webhook, https_only=True, oauth=oauth)


Index = Mapping[tuple[str, str], Sequence[Webhook]]


def _found(index: Index, source: str, hook: str) -> Sequence[Webhook]:
    """Return the webhooks for a hook; if none names it, those for `all`."""
    if not index:
        return ()
    found = index.get((source, hook))
    return index.get((source, ALL_HOOKS), ()) if found is None else found


def _by_hook(webhooks: Sequence[Webhook]) -> Index:
    wanted = {(webhook.source, hook) for webhook in webhooks for hook in webhook.hooks}
    return {key: _wanting(webhooks, *key) for key in wanted} if wanted else NOTHING


def _wanting(webhooks: Sequence[Webhook], source: str, hook: str) -> tuple[Webhook, ...]:
    return tuple(
        webhook
        for webhook in webhooks
        if webhook.source == source and (hook in webhook.hooks or ALL_HOOKS in webhook.hooks)
    )
