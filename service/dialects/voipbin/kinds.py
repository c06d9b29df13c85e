"""Every type of event of VoIPBIN's services: those with hooks, and those that stay inside."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from service.dialects.voipbin.nouns import described
from service.dialects.voipbin.policy import Tap


class Reach(StrEnum):
    """Whom VoIPBIN itself shows the events of a type."""

    CUSTOMERS = "yes"
    """Delivered by VoIPBIN today, and in its own words to be had on the topic exchange."""
    PROMISED = "documented, never delivered"
    INTERNAL = "no"


@dataclass(frozen=True, slots=True)
class Kind:
    """A type of event that can be subscribed to."""

    hook_id: str
    publisher: str
    type: str
    resource: str
    reach: Reach
    description: str

    @property
    def account_member(self) -> str:
        """The member of the resource that says whose it is."""
        return "id" if self.resource == "customer" else "customer_id"

    @property
    def reaches_all(self) -> bool:
        """Whether webhooks for everything get it; not where VoIPBIN keeps it from customers."""
        return self.reach is not Reach.INTERNAL

    @property
    def taps(self) -> tuple[Tap, ...]:
        """The taps that bring it, the better one first."""
        if self.resource == "customer":
            # Webhook-manager takes them from there, too: they tell of its destinations.
            return ("fanout", "rpc")
        converted: tuple[Tap, ...] = ("topic", "rpc") if self.reach is Reach.CUSTOMERS else ()
        return converted if self.resource in ONLY_CONVERTED else (*converted, "fanout")


ONLY_CONVERTED = frozenset({"chatparticipant", "summary", "team", "webchat_session"})
"""Resources whose internal form is not known: no member of it may leave."""

_KINDS: Mapping[Reach, str] = {
    Reach.CUSTOMERS: """
        call-manager call: created updated deleted dialing
        call-manager call: ringing progressing terminating canceling hangup
        call-manager groupcall: created progressing hangup deleted
        call-manager recording: started finished
        conference-manager conference: created updated deleted
        message-manager message: created updated deleted
        number-manager number: created updated deleted
        transcribe-manager transcribe: created progressing done
        transcribe-manager transcript: created
        transcribe-manager speech transcribe_speech: started interim ended
        queue-manager queuecall: created waiting connecting serviced done abandoned deleted
        flow-manager activeflow: created updated deleted
        campaign-manager campaign: created updated deleted status_run status_stopping status_stop
        campaign-manager campaigncall: created updated deleted
        outdial-manager outdial: created updated deleted
        agent-manager agent: created updated deleted status_updated
        email-manager email: created updated deleted
        ai-manager ai: created updated deleted
        ai-manager team: created updated deleted
        ai-manager summary: created updated deleted
        ai-manager aicall aicall_status: initializing progressing pausing
        ai-manager aicall aicall_status: resuming terminating terminated
        ai-manager aimessage: created
        ai-manager aimessage_intermediate aimessage: intermediate
        conversation-manager conversation: created updated
        conversation-manager conversation_message: created updated deleted
        conversation-manager conversation_account account: created updated deleted
        webchat-manager webchat_message: created
        webchat-manager webchat_session: ended
        talk-manager chat: created updated deleted
        talk-manager chatmessage: created deleted reaction_updated
        talk-manager chatparticipant: added removed
    """,
    Reach.PROMISED: """
        conference-manager conferencecall: joining joined leaving leaved
        queue-manager queue: updated deleted
        flow-manager flow: created updated deleted
    """,
    Reach.INTERNAL: """
        number-manager number: renewed
        transcribe-manager transcribe: deleted
        contact-manager contact: created updated deleted
        customer-manager customer: created updated deleted
        customer-manager customer: frozen recovered identity_verification_updated
        customer-manager accesskey: created updated deleted
        billing-manager billing_account account: created updated
        storage-manager file: created deleted
        storage-manager storage_account Account: created updated deleted
        registrar-manager trunk: created updated deleted
    """,
}
"""Publisher, resource, the types' prefix where it is another, and after the colon the suffixes."""

_INSIDE = """
    call-manager confbridge: created deleted terminating terminated joined leaved
    call-manager dtmf: received
    transcribe-manager streaming: started stopped
    contact-manager case: note_created note_deleted tag_added tag_removed contact_attributed
    contact-manager case: contact_detached
    billing-manager billing: created updated
    registrar-manager extension: created updated deleted
    route-manager provider: created updated deleted
    route-manager route: created updated deleted
    route-manager providercall: created deleted
    tag-manager tag: created updated deleted
    direct-manager direct: created deleted regenerated
    schedule-manager schedule: created updated deleted
    schedule-manager execution: succeeded failed
    sentinel-manager pod: added updated deleted
    tts-manager streaming: created deleted finished play_started play_finished
    tts-manager speaking: started stopped
    tts-manager message: initiated play_started play_finished
    pipecat-manager pipecatcall: created deleted initialized terminated
    pipecat-manager message: bot_transcription user_transcription
    pipecat-manager message: bot_llm bot_llm_intermediate user_llm
    pipecat-manager team: member_switched
    transcribe-manager transcript: deleted
    queue-manager queue: created
    campaign-manager outplan: created updated deleted
    outdial-manager outdialtarget: created updated deleted
    conversation-manager conversation: deleted
    billing-manager account: deleted
    billing-manager billing: deleted
    storage-manager file: updated
    webhook-manager webhook: published
"""

Row = tuple[str, str, str]
"""Publisher, resource, type."""


def _rows(table: str) -> Iterator[Row]:
    for line in filter(None, map(str.strip, table.splitlines())):
        head, _, suffixes = line.partition(":")
        publisher, resource, *other = head.split()
        prefix = other[0] if other else resource
        for suffix in suffixes.split():
            yield publisher, resource, f"{prefix}_{suffix}"


INSIDE: frozenset[tuple[str, str]] = frozenset(
    {(publisher, name) for publisher, _, name in _rows(_INSIDE)}
    | {("call-manager", "call.outbound_whitelist_rejected")}
)
"""Publisher and type of events that concern no hook, by what VoIPBIN is known to publish."""


def _kinds() -> Iterator[Kind]:
    rows = [(reach, row) for reach, table in _KINDS.items() for row in _rows(table)]
    users = Counter(name.lower() for _, (_, _, name) in rows)
    for reach, (publisher, resource, name) in rows:
        # Subscriptions are read in lower case, in which types of two services are equal.
        hook_id = name if users[name.lower()] == 1 else f"{publisher}/{name}"
        text = described(resource, name)
        yield Kind(hook_id.lower(), publisher, name, resource, reach, text)


KINDS: tuple[Kind, ...] = tuple(_kinds())
BY_KEY: Mapping[tuple[str, str], Kind] = {(one.publisher, one.type): one for one in KINDS}
"""By publisher and type: types alone are not unique."""
CONVERTED: Mapping[str, Kind] = {one.type: one for one in KINDS if "topic" in one.taps}
"""By type, for the topic exchange, whose publisher is always webhook-manager."""
