"""Messages as Kazoo publishes them, for demonstrations and tests."""

import string
import time
import uuid
from typing import Any

GREGORIAN_OFFSET_S = 62_167_219_200
"""Seconds from the year 0 to 1970: Kazoo's timestamps count from the former."""

KEPT = frozenset((string.ascii_letters + string.digits + "-~_").encode())


def encoded(word: str) -> str:
    """Return an id as one word of a routing key: a dot in it would make it two."""
    return "".join(
        chr(byte) if byte in KEPT else "+" if byte == ord(" ") else f"%{byte:02X}"
        for byte in word.encode()
    )


def channel(event: str, account_id: str, call_id: str) -> dict[str, Any]:
    """Return the body of a channel event: one leg of a call of the account, as it is just now."""
    body: dict[str, Any] = {
        "To": "+15552345678@acme.sip.example.com",
        "From": "user_zDc455@acme.sip.example.com",
        "Request": "+15552345678@acme.sip.example.com",
        "Timestamp": int(time.time()) + GREGORIAN_OFFSET_S,
        "Switch-Hostname": "kz1.example.com",
        "Switch-Nodename": "freeswitch@kz1.example.com",
        "Custom-Channel-Vars": {
            "Account-ID": account_id,
            "Account-Name": "Acme",
            "Account-Realm": "acme.sip.example.com",
            "Authorizing-ID": "7f2b66a620cf9523d349cc5de8f21f37",
            "Authorizing-Type": "device",
            "Call-Interaction-ID": "63877497874-af5b9a0e",
            "Ecallmgr-Node": "ecallmgr@kz1.example.com",
            "Owner-ID": "d860229e722bf8f738737365b0b1e333",
            "Username": "user_zDc455",
        },
        "Custom-Application-Vars": {"crm_case": "42"},
        "Channel-Name": "sofia/sipinterface_1/user_zDc455@acme.sip.example.com",
        "Channel-Is-Loopback": False,
        "Channel-Call-State": "RINGING" if event == "CHANNEL_CREATE" else "ACTIVE",
        "Caller-ID-Number": "+15556783945",
        "Caller-ID-Name": "Zoë Testerová",
        "Callee-ID-Number": "+15552345678",
        "Callee-ID-Name": "Jane",
        "Call-Direction": "inbound",
        "Call-ID": call_id,
        "Node": "ecallmgr@kz1.example.com",
        "Msg-ID": uuid.uuid4().hex,
        "Event-Name": event,
        "Event-Category": "call_event",
        "App-Version": "4.0.0",
        "App-Name": "ecallmgr",
    }
    if event == "CHANNEL_BRIDGE":
        body |= {"Other-Leg-Call-ID": "af1e1e12f1bcf519", "Other-Leg-Destination-Number": "1001"}
    if event == "CHANNEL_DESTROY":
        body |= {
            "Hangup-Cause": "NORMAL_CLEARING",
            "Hangup-Code": "sip:200",
            "Duration-Seconds": "10",
            "Billing-Seconds": 7,
            "Ringing-Seconds": "3",
        }
    return body
