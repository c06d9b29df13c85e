"""The single list of the members that an account can set on a webhook.

Forms, answers, filters, the API description and imports are derived from it. Only the module that
reads a document (`documents.webhook`) knows the effect of each member.
"""

from dataclasses import dataclass
from enum import Enum, auto


class Kind(Enum):
    """Kind of a member's value; `api.shapes.webhook` has the types."""

    NAME = auto()
    URI = auto()
    HOOK = auto()
    VERB = auto()
    FORMAT = auto()
    RETRIES = auto()
    FLAG = auto()
    TEXTS = auto()
    VALUES = auto()
    SECONDS = auto()
    WINDOW = auto()
    ORDER = auto()
    PATIENCE = auto()
    EXTRAS = auto()
    BUDGET = auto()
    DOCUMENT = auto()
    ANSWER_FORM = auto()
    SECRET = auto()
    VERSION = auto()
    PROFILE = auto()
    MAX_AGE = auto()
    CLAUSES = auto()
    MASKS = auto()
    NAMES = auto()
    ZONE = auto()
    BATCH = auto()


@dataclass(frozen=True, slots=True)
class Member:
    """A member of a webhook's document, in the API and in the store.

    An `optional` member is absent unless it was set. The value of a `secret` member is never shown.
    A webhook cannot be created without the `required` members.
    """

    name: str
    kind: Kind
    meaning: str
    required: bool = False
    optional: bool = False
    secret: bool = False


MEMBERS = (
    Member("name", Kind.NAME, "A label for people.", required=True),
    Member(
        "uri",
        Kind.URI,
        "Address of the requests: http or https, to an address that the egress policy allows.",
        required=True,
    ),
    Member(
        "hook",
        Kind.HOOK,
        "The kind of event: an id of `GET /v2/webhooks`, or `all`.",
        required=True,
    ),
    Member("http_verb", Kind.VERB, "The method of the requests."),
    Member(
        "format",
        Kind.FORMAT,
        "Format of a body; the parameters of a GET are always form data.",
    ),
    Member("retries", Kind.RETRIES, "Additional attempts after the first."),
    Member(
        "enabled",
        Kind.FLAG,
        "Whether events are sent; true also clears the failures and the disable reason.",
    ),
    Member(
        "paused",
        Kind.FLAG,
        "Whether deliveries are kept in a backlog instead of sent; false sends them in order of "
        "arrival. Questions of actionable hooks cannot wait, and are asked all the same.",
        optional=True,
    ),
    Member(
        "include_subaccounts",
        Kind.FLAG,
        "Whether it also receives the events of sub-accounts.",
    ),
    Member(
        "include_internal_legs",
        Kind.FLAG,
        "Whether it also receives the events of internal call legs.",
    ),
    Member(
        "custom_data",
        Kind.TEXTS,
        "Added to every payload, overwriting its members; `type` and `action` filter instead.",
    ),
    Member(
        "modifiers",
        Kind.VALUES,
        "Values, or lists of allowed values, that members of the payload must have.",
    ),
    Member(
        "filters",
        Kind.CLAUSES,
        "Clauses that an event must all satisfy: comparisons of members, of the call and its time.",
        optional=True,
    ),
    Member(
        "timezone",
        Kind.ZONE,
        "Time zone of the filters' times of day, if the account has none; if absent, UTC.",
        optional=True,
    ),
    Member(
        "mask",
        Kind.MASKS,
        "Members of the payload to mask: names, `{member, keep}` or `{member, hash: true}`.",
        optional=True,
    ),
    Member("omit", Kind.NAMES, "Members of the payload to leave out.", optional=True),
    Member(
        "timeout_s",
        Kind.SECONDS,
        "Seconds until the whole answer must have arrived; if absent, the platform's limit.",
        optional=True,
    ),
    Member(
        "coalesce_ms",
        Kind.WINDOW,
        "Milliseconds within which only the latest of a burst of interim events is sent.",
        optional=True,
    ),
    Member(
        "batch",
        Kind.BATCH,
        "`{max, within_ms}`: up to `max` events, or those of so many milliseconds, in one request "
        "as a JSON array. Needs `format: json` and a POST or PUT.",
        optional=True,
    ),
    Member(
        "ordering",
        Kind.ORDER,
        "Order of the events of one call: `none`, `call` (the next waits until the one before is "
        "settled, at most `ordering_wait_s`) or `call_strict` (until it is delivered, or a dead "
        "letter).",
        optional=True,
    ),
    Member(
        "ordering_wait_s",
        Kind.PATIENCE,
        "With `ordering: call`: seconds for which an event waits for the one before; default 10.",
        optional=True,
    ),
    Member(
        "extras",
        Kind.EXTRAS,
        "Members added to the payload: `sequence` adds `conversation_id`, `sequence` and marks.",
        optional=True,
    ),
    Member(
        "budget_s",
        Kind.BUDGET,
        "Actionable hooks: seconds from the question to the answer, whoever gives it.",
        optional=True,
    ),
    Member(
        "static_answer",
        Kind.DOCUMENT,
        "Actionable hooks: the document used where no server gives a usable one; without it, the "
        "call goes on without a document.",
        optional=True,
    ),
    Member(
        "answer_form",
        Kind.ANSWER_FORM,
        "Actionable hooks: the form of the documents; if absent, their type and content tell it.",
        optional=True,
    ),
    Member(
        "schema_version",
        Kind.VERSION,
        "Version of the hook's schema that its payloads keep to; if absent, the current one.",
        optional=True,
    ),
    Member(
        "profile",
        Kind.PROFILE,
        "Form of the requests, whichever switch the event is from; if absent, the switch's own.",
        optional=True,
    ),
    Member(
        "max_age_s",
        Kind.MAX_AGE,
        "Most seconds of age of an event at an attempt; 0 for no limit, absent for the platform's.",
        optional=True,
    ),
    Member("headers", Kind.TEXTS, "Headers added to every request.", optional=True, secret=True),
    Member(
        "auth",
        Kind.TEXTS,
        "`{type: bearer, token}`, `{type: basic, username, password}`, or "
        "`{type: oauth2, token_url, client_id, client_secret, scope}`: sent as `Authorization`.",
        optional=True,
        secret=True,
    ),
    Member(
        "fallback_uri",
        Kind.URI,
        "Address of one last attempt when the retries of a delivery are used up.",
        optional=True,
    ),
    Member(
        "secret",
        Kind.SECRET,
        "The signing secret: `whsec_` and base64 of 24 to 64 bytes; generated if absent.",
        optional=True,
        secret=True,
    ),
    Member(
        "public_key_signature",
        Kind.FLAG,
        "Whether requests are also signed with the webhook's own Ed25519 key (`v1a`).",
        optional=True,
    ),
)

EDITABLE = tuple(member.name for member in MEMBERS)
REQUIRED = tuple(member.name for member in MEMBERS if member.required)
OPTIONS = tuple(member.name for member in MEMBERS if member.optional and not member.secret)
SECRET = tuple(member.name for member in MEMBERS if member.secret)
