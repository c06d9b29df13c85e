"""Kazoo's pivot, whose `voice_url` may be ours: what it asks, and that it reads callflows.

Names, formats and the reading of answers are those of Kazoo 4.x (`kzt_kazoo.erl`, `kzt_twiml.erl`,
`kzt_translator.erl`). A 4xx or 5xx leads to the callflow's next branch.
"""

from collections.abc import Mapping
from typing import Any

from service.dialects.kazoo.catalogue import NAME
from service.dialects.members import MemberContents
from service.dialects.question import Question
from service.domain.webhook import NOTHING

MEMBERS: Mapping[str, str] = {
    "Account-ID": "The account of the call.",
    "Api-Version": "`4.x`.",
    "Call-ID": "The call.",
    "Call-Status": "The state of the call, such as `ringing` or `answered`.",
    "Caller-ID-Name": "The caller's name.",
    "Caller-ID-Number": "The caller's number.",
    "Direction": "Always `inbound`.",
    "From": "The caller's user part.",
    "From-Realm": "The caller's realm.",
    "To": "The called user part.",
    "To-Realm": "The called realm.",
    "Request": "The user part of the request.",
    "Request-Realm": "The realm of the request.",
    "User-ID": "The user of the calling device.",
    "Language": "The language of prompts.",
    "Digits": "The digits of the last input.",
    "Recording-Url": "The address of the last recording.",
    "Recording-Duration": "The seconds of the last recording.",
    "Recording-ID": "The id of the last recording.",
}
"""In the format `kazoo`; those of `twiml` have the names of TwiML, and are passed on as well."""


def _sample(account_id: str, call_id: str) -> Mapping[str, Any]:
    return {
        "Account-ID": account_id,
        "Api-Version": "4.x",
        "Call-ID": call_id,
        "Call-Status": "ringing",
        "Caller-ID-Name": "Alice",
        "Caller-ID-Number": "+15550001111",
        "Direction": "inbound",
        "From": "+15550001111",
        "From-Realm": "example.com",
        "To": "+15550002222",
        "To-Realm": "example.com",
    }


PIVOT = Question(
    hook_id="pivot",
    name="Pivot",
    description="A call that asks what to do next. The answer is a document that steers it.",
    source=NAME,
    form="kazoo",
    members={name: {"type": "string", "description": meaning} for name, meaning in MEMBERS.items()},
    call_id_members=("Call-ID", "CallSid"),
    writer=lambda members: MemberContents(members, NOTHING),
    sample=_sample,
)
