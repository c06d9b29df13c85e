"""Sample messages in Kazoo's form, one per hook, for demonstrations, documents and tests."""

import string
from typing import Any

from service.dialects.bus_message import BusMessage, Occasion
from service.text.gregorian import GREGORIAN_OFFSET_S

KEPT = frozenset((string.ascii_letters + string.digits + "-~_").encode())

REALM = "acme.sip.example.com"


def encoded(word: str) -> str:
    """Return an id as one word of a routing key, its dots escaped."""
    return "".join(
        chr(byte) if byte in KEPT else "+" if byte == ord(" ") else f"%{byte:02X}"
        for byte in word.encode()
    )


def _timestamp(occasion: Occasion) -> int:
    """Return the occasion's time in gregorian seconds, as Kazoo writes it."""
    return int(occasion.at) + GREGORIAN_OFFSET_S


def channel(event: str, occasion: Occasion) -> BusMessage:
    """Return a channel event of one call leg of the account."""
    body = {
        "To": f"+15552345678@{REALM}",
        "From": f"user_zDc455@{REALM}",
        "Request": f"+15552345678@{REALM}",
        "Timestamp": _timestamp(occasion),
        "Switch-Hostname": "kz1.example.com",
        "Switch-Nodename": "freeswitch@kz1.example.com",
        "Custom-Channel-Vars": {
            "Account-ID": occasion.account_id,
            "Account-Name": "Acme",
            "Account-Realm": REALM,
            "Authorizing-ID": "7f2b66a620cf9523d349cc5de8f21f37",
            "Authorizing-Type": "device",
            "Call-Interaction-ID": "63877497874-af5b9a0e",
            "Ecallmgr-Node": "ecallmgr@kz1.example.com",
            "Owner-ID": "d860229e722bf8f738737365b0b1e333",
            "Username": "user_zDc455",
        },
        "Custom-Application-Vars": {"crm_case": "42"},
        "Channel-Name": f"sofia/sipinterface_1/user_zDc455@{REALM}",
        "Channel-Is-Loopback": False,
        "Channel-Call-State": "RINGING" if event == "CHANNEL_CREATE" else "ACTIVE",
        "Caller-ID-Number": "+15556783945",
        "Caller-ID-Name": "Zoë Testerová",
        "Callee-ID-Number": "+15552345678",
        "Callee-ID-Name": "Jane",
        "Call-Direction": "inbound",
        "Call-ID": occasion.call_id,
    }
    return _of_call(event, "ecallmgr", body | _EXTRAS.get(event, {}), occasion)


_EXTRAS: dict[str, dict[str, Any]] = {
    "CHANNEL_BRIDGE": {
        "Other-Leg-Call-ID": "af1e1e12f1bcf519",
        "Other-Leg-Destination-Number": "1001",
    },
    "CHANNEL_DESTROY": {
        "Hangup-Cause": "NORMAL_CLEARING",
        "Hangup-Code": "sip:200",
        "Duration-Seconds": "10",
        "Billing-Seconds": 7,
        "Ringing-Seconds": "3",
    },
}


def parking(occasion: Occasion) -> BusMessage:
    """Return the event of a call that is parked."""
    body = {
        "Parking-Slot": "701",
        "Custom-Channel-Vars": {"Account-ID": occasion.account_id, "Realm": REALM},
        "Caller-ID-Number": "+15555432345",
        "Caller-ID-Name": "Superman",
        "Callee-ID-Number": "5355543456",
        "Callee-ID-Name": "Test Name",
        "Call-ID": occasion.call_id,
    }
    return _of_call("PARK_PARKED", "callflow", body, occasion)


def text_message(category: str, occasion: Occasion) -> BusMessage:
    """Return an SMS or MMS from a carrier."""
    message_id = f"{occasion.call_id}.{category}"
    body = {
        "Message-ID": message_id,
        "Route-Type": "offnet",
        "Route-ID": "carrier1",
        "Account-ID": occasion.account_id,
        "From": "+15551110000",
        "To": "+15552345678",
        "Body": "hello world",
        "Charges": 0.015,
    }
    key = f"{category}.inbound.offnet.{encoded(message_id)}"
    return _message("im", key, body, ("kazoo_im", category, "inbound"), occasion)


def object_change(occasion: Occasion) -> BusMessage:
    """Return the change of a user."""
    account_id = occasion.account_id
    database = f"account%2F{account_id[:2]}%2F{account_id[2:4]}%2F{account_id[4:]}"
    body = {
        "ID": "c4c0ad092e57bc1d28e69bbd20dad932",
        "Type": "user",
        "Rev": "2-967a00dff5e02add41819138abb3284d",
        "Database": database,
        "Account-ID": account_id,
        "Is-Soft-Deleted": False,
        "Date-Modified": _timestamp(occasion),
        "Date-Created": _timestamp(occasion),
    }
    key = f"doc_edited.{database}.user.{body['ID']}"
    kind = ("datamgr", "configuration", "doc_edited")
    return _message("configuration", key, body, kind, occasion)


def notification(occasion: Occasion) -> BusMessage:
    """Return the notification of a new voicemail."""
    body = {
        "Account-ID": occasion.account_id,
        "Voicemail-ID": "202403-6e097cd291aed294d2018ecf4b3a6cb8",
        "Voicemail-Box": "837fe7f1300142b532466a7a73bc3382",
        "Voicemail-Timestamp": _timestamp(occasion),
        "Voicemail-Length": 4580,
        "Caller-ID-Number": "+15553456789",
        "Caller-ID-Name": "Bob",
        "From-User": "+15553456789",
        "From-Realm": "somerealm.example.com",
        "To-User": "1000",
        "To-Realm": REALM,
        "Call-ID": occasion.call_id,
        "Server-ID": "kazoo_apps@kz1.example.com-<0.1.0>-aabbccdd",
        "System-Log-ID": "log-1",
    }
    kind = ("callflow", "notification", "voicemail_new")
    return _message("notifications", "notifications.voicemail.new", body, kind, occasion)


def fax_status(occasion: Occasion) -> BusMessage:
    """Return the progress of an outgoing fax."""
    body = {
        "Job-ID": "202403-3513f829b23ce4ec8e4bc372701a0cae",
        "Account-ID": occasion.account_id,
        "FaxBox-ID": "7adf6ba4f1294427a3db19a8be1a771e",
        "Status": "Fax page 1 sent",
        "Fax-State": "send",
        "Direction": "outgoing",
        "Page": 1,
        "Caller-ID-Number": "+15554566778",
        "Callee-ID-Number": "+16282037452",
        "Call-ID": occasion.call_id,
    }
    key = f"fax.status.{occasion.account_id}.{encoded(str(body['Job-ID']))}"
    return _message("faxes", key, body, ("fax", "fax", "status"), occasion)


def _of_call(event: str, app: str, body: dict[str, Any], occasion: Occasion) -> BusMessage:
    key = f"call.{event}.{encoded(occasion.call_id)}"
    headers = {"call-id": occasion.call_id}
    return _message("callevt", key, body, (app, "call_event", event), occasion, headers)


def _message(
    exchange: str,
    routing_key: str,
    body: dict[str, Any],
    kind: tuple[str, str, str],
    occasion: Occasion,
    headers: dict[str, str] | None = None,
) -> BusMessage:
    """Return the message with the members that all of Kazoo's messages have.

    Kazoo 4.2 and later set the AMQP timestamp to gregorian microseconds, not to AMQP's seconds.
    """
    app, category, name = kind
    common = {
        "Node": "kazoo_apps@kz1.example.com",
        "Msg-ID": occasion.message_id,
        "Event-Name": name,
        "Event-Category": category,
        "App-Version": "4.0.0",
        "App-Name": app,
    }
    stamp = int((occasion.at + GREGORIAN_OFFSET_S) * 1_000_000)
    return BusMessage(exchange, "topic", routing_key, body | common, headers or {}, stamp)
