"""The members of a webhook that its account can set: the one list of them.

Forms, answers, filters and the description of the API are made of it, and so is what an import
keeps. Only reading a document (`documents.webhook`) knows what each member does.
"""

from dataclasses import dataclass
from enum import Enum, auto


class Kind(Enum):
    """The kind of a member's value; `api.shapes.webhook` has the types."""

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
    SECRET = auto()


@dataclass(frozen=True, slots=True)
class Member:
    """A member of a webhook's document, in the API and in the store.

    An `optional` one is absent unless it was set. A `secret` one is never shown as it is. A
    webhook cannot be created without the `required` ones.
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
        "Where requests go: http or https, to an address that the egress policy allows.",
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
        "How a body is written; the parameters of a GET are always form data.",
    ),
    Member("retries", Kind.RETRIES, "Additional attempts after the first."),
    Member(
        "enabled",
        Kind.FLAG,
        "Whether events are sent; true also forgets failures, and why it was disabled.",
    ),
    Member(
        "include_subaccounts",
        Kind.FLAG,
        "Whether it gets the events of the accounts below as well.",
    ),
    Member(
        "include_internal_legs",
        Kind.FLAG,
        "Whether it gets the events of internal call legs as well.",
    ),
    Member(
        "custom_data",
        Kind.TEXTS,
        "Sent with every payload, over what it has; `type` and `action` filter, and are not sent.",
    ),
    Member(
        "modifiers",
        Kind.VALUES,
        "Values, or lists of them, that members of the payload must have.",
    ),
    Member(
        "timeout_s",
        Kind.SECONDS,
        "Seconds until the whole answer must be there; without it, the platform's.",
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
        "Where a delivery goes, once, when its retries are used up.",
        optional=True,
    ),
    Member(
        "secret",
        Kind.SECRET,
        "The signing secret: `whsec_` and base64 of 24 to 64 bytes; made for you unless given.",
        optional=True,
        secret=True,
    ),
    Member(
        "public_key_signature",
        Kind.FLAG,
        "Whether requests are signed with the webhook's own Ed25519 key as well (`v1a`).",
        optional=True,
    ),
)

EDITABLE = tuple(member.name for member in MEMBERS)
REQUIRED = tuple(member.name for member in MEMBERS if member.required)
OPTIONS = tuple(member.name for member in MEMBERS if member.optional and not member.secret)
SECRET = tuple(member.name for member in MEMBERS if member.secret)
