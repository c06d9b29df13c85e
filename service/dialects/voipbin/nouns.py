"""What VoIPBIN's events tell of, in words for the catalogue."""

from collections.abc import Mapping

NOUNS: Mapping[str, str] = {
    "accesskey": "An access key",
    "activeflow": "The run of a flow",
    "agent": "An agent",
    "ai": "An AI",
    "aicall": "A call with an AI",
    "aimessage": "A message of a call with an AI",
    "aimessage_intermediate": "A part of a message that an AI is still writing",
    "billing_account": "A billing account",
    "call": "A call",
    "campaign": "A campaign",
    "campaigncall": "A call of a campaign",
    "chat": "A chat",
    "chatmessage": "A message of a chat",
    "chatparticipant": "A participant of a chat",
    "conference": "A conference",
    "conferencecall": "A participant of a conference",
    "contact": "A contact",
    "conversation": "A conversation",
    "conversation_account": "An account with a messaging provider",
    "conversation_message": "A message of a conversation",
    "customer": "A customer",
    "email": "An email",
    "file": "A file",
    "flow": "A flow",
    "groupcall": "A group call",
    "message": "A text message",
    "number": "A number",
    "outdial": "A list of numbers to dial",
    "queue": "A queue",
    "queuecall": "A call in a queue",
    "recording": "A recording",
    "speech": "Speech in a live transcription",
    "storage_account": "A storage account",
    "summary": "A summary",
    "team": "A team of AIs",
    "transcribe": "A transcription",
    "transcript": "A sentence of a transcription",
    "trunk": "A SIP trunk",
    "webchat_message": "A message of a web chat",
    "webchat_session": "A session of a web chat",
}
VERBS: Mapping[str, str] = {
    "abandoned": "is abandoned before an agent has answered",
    "canceling": "is being canceled",
    "connecting": "is being connected to an agent",
    "done": "is done",
    "hangup": "ended",
    "identity_verification_updated": "has another state of identity verification",
    "interim": "goes on; what is recognised may still change",
    "intermediate": "arrives",
    "leaved": "left",
    "progressing": "is in progress",
    "reaction_updated": "has other reactions",
    "serviced": "is connected to an agent",
    "status_run": "runs",
    "status_stop": "has stopped",
    "status_stopping": "is being stopped",
    "status_updated": "has another status",
}


def described(resource: str, name: str) -> str:
    """Return a sentence about a type of event."""
    suffix = next(
        (each for each in sorted(VERBS, key=len, reverse=True) if name.endswith(f"_{each}")), None
    )
    last = name.rpartition("_")[2]
    return f"{NOUNS[resource]} {VERBS[suffix] if suffix else _plain(last)}."


def _plain(verb: str) -> str:
    if verb.endswith("ing") or verb in ("created", "updated", "deleted", "removed", "frozen"):
        return f"is {verb}"
    return {
        "added": "is added", "renewed": "is renewed", "recovered": "is restored",
        "waiting": "waits", "joined": "has joined", "started": "has started",
    }.get(verb, f"has {verb}")  # fmt: skip
