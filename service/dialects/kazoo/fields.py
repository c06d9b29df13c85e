"""Types and meanings of the payload fields, as the schemas in the catalogue give them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

STRING = ("string",)
INTEGER = ("integer",)
BOOLEAN = ("boolean",)
OBJECT = ("object",)
# Fields sent on unread may have a JSON value or its text: `10` or `"10"`.
LOOSE_INTEGER = ("integer", "string")
LOOSE_BOOLEAN = ("boolean", "string")
AMOUNT = ("number", "string")
ADDRESSES = ("string", "array", "object")
STRINGS = ("array", "string")
OBJECT_OR_STRING = ("object", "string")
LIST_OR_OBJECT = ("array", "object")


@dataclass(frozen=True, slots=True)
class Field:
    """A field as a receiver gets it; `types` are type names of JSON Schema."""

    types: tuple[str, ...]
    meaning: str


FIELDS: dict[str, Field] = {
    # On most payloads.
    "account_id": Field(
        STRING,
        "Id of the account the event belongs to, 32 hexadecimal digits; where a webhook covers "
        "sub-accounts, it may be one of theirs.",
    ),
    "cluster_id": Field(
        STRING,
        "Id of the switch cluster the event comes from; left out unless the operator has set it.",
    ),
    "hook_event": Field(
        STRING, "Hook that the event fired, in lower case, such as `channel_create`."
    ),
    "reseller_id": Field(
        STRING, "Id of the reseller responsible for the account; left out where it is not known."
    ),
    "owner_id": Field(
        STRING, "Id of the user who owns the device or the faxbox; left out if nobody does."
    ),
    "timestamp": Field(
        LOOSE_INTEGER,
        "When the event happened, in gregorian seconds (unix time + 62167219200), such as "
        "`63877497874`.",
    ),
    # Calls.
    "authorizing_id": Field(
        STRING,
        "Id of the document that authorised the call or the registration, usually a device.",
    ),
    "authorizing_type": Field(
        STRING, "Type of the document that `authorizing_id` names, such as `device` or `resource`."
    ),
    "call_direction": Field(
        STRING,
        "Direction of the leg as the switch sees it: `inbound` comes into the switch, "
        "`outbound` leaves it.",
    ),
    "call_forwarded": Field(
        BOOLEAN,
        "Whether the leg comes from call forwarding; left out where the switch does not say.",
    ),
    "call_id": Field(
        STRING,
        "SIP `Call-ID` of the call leg, which no other leg shares, or of the registration; "
        "`NDlkNGI3.OTZlMDgz@10.26.0.58`, for example.",
    ),
    "callee_id_name": Field(STRING, "Display name of the called party."),
    "callee_id_number": Field(
        STRING,
        "Number of the called party, usually in E.164, such as `+15552345678`, or an extension, "
        "such as `1001`.",
    ),
    "caller_id_name": Field(STRING, "Display name of the calling party."),
    "caller_id_number": Field(
        STRING,
        "Number of the calling party, usually in E.164, such as `+15556783945`, or an "
        "extension, such as `1001`.",
    ),
    "custom_application_vars": Field(
        OBJECT, "Variables that applications attached to the call, with names of their choice."
    ),
    "custom_channel_vars": Field(
        OBJECT,
        "Variables the switch keeps with the leg, less the reserved ones; keys are spelt as on "
        "the bus, such as `Fetch-ID`.",
    ),
    "emergency_resource_used": Field(
        BOOLEAN, "Whether the leg goes over a carrier resource for emergency calls."
    ),
    "from": Field(
        ADDRESSES,
        "Sender: the caller as `user@realm`, the number of a message, or the sender of the mail "
        "that a notification causes.",
    ),
    "inception": Field(
        STRING,
        "Address at which a call from outside entered the switch, as `user@realm`; hardly ever "
        "present.",
    ),
    "is_internal_leg": Field(
        BOOLEAN,
        "Whether the leg is a loopback: it connects two parts of the switch, and no phone takes "
        "part.",
    ),
    "local_resource_id": Field(
        STRING,
        "Id of the account's own carrier resource that the leg uses; left out where it uses a "
        "global one.",
    ),
    "local_resource_used": Field(
        BOOLEAN,
        "Whether the leg uses no global carrier resource; true as well for legs that use no "
        "resource at all.",
    ),
    "other_leg_call_id": Field(
        STRING, "SIP `Call-ID` of the leg this one is connected to; left out while there is none."
    ),
    "to": Field(
        ADDRESSES,
        "Recipient: the callee as `user@realm`, the number of a message, or the recipients of "
        "the mail that a notification causes.",
    ),
    "original_number": Field(
        STRING, "Number as it was first dialled or written, before the switch changed it."
    ),
    "other_leg_destination_number": Field(
        STRING, "Number or extension that the other leg was placed to, such as `1001`."
    ),
    "billing_seconds": Field(
        INTEGER, "Seconds between the answer and the end of the leg; 0 where nobody answered."
    ),
    "duration_seconds": Field(
        INTEGER, "Seconds between the start and the end of the leg, ringing included."
    ),
    "ringing_seconds": Field(
        INTEGER, "Seconds that the leg spent ringing, as the switch counts them."
    ),
    "hangup_cause": Field(
        STRING,
        "Why the leg ended, by the name of its Q.850 cause, such as `NORMAL_CLEARING` or "
        "`USER_BUSY`.",
    ),
    "hangup_code": Field(STRING, "SIP status the leg ended with, such as `sip:200` or `sip:486`."),
    # Parking, beside the fields of calls.
    "channel_is_loopback": Field(
        LOOSE_BOOLEAN, "Whether the parked leg is a loopback, connecting two parts of the switch."
    ),
    "channel_name": Field(
        STRING,
        "Name of the leg in the switch, such as "
        "`sofia/sipinterface_1/user_zDc455@acme.sip.example.com`.",
    ),
    "parking_slot": Field(
        STRING, "Number of the slot that the call is parked in, as a string, such as `701`."
    ),
    "presence_id": Field(
        STRING, "Presence that phones watch for the state of the leg, as `user@realm`."
    ),
    # Messages and changes of documents.
    "action": Field(
        STRING,
        "What happened to the document: `doc_created`, `doc_edited` or `doc_deleted`; "
        "`db_created` and the like for whole databases.",
    ),
    "body": Field(
        STRING,
        "Content of the message: the text of an SMS; for an MMS, the text that the carrier's "
        "module makes of it, often JSON.",
    ),
    "charges": Field(
        AMOUNT,
        "Cost of the message as the switch states it, such as `0.015`; left out if it states none.",
    ),
    "direction": Field(
        STRING,
        "Direction: a message is `inbound` or `outbound`, a fax `incoming` or `outgoing`.",
    ),
    "id": Field(STRING, "Id of the event's subject: a message, a document or a transaction."),
    "origin": Field(
        STRING, "Route of the message: `offnet` from or to a carrier, `onnet` within the cluster."
    ),
    "type": Field(
        STRING,
        "Type of the event's subject: `sms` or `mms` for a message, the type of the document "
        "for a change.",
    ),
    # Faxes.
    "cloud_job_id": Field(
        STRING,
        "Id of the fax's job at the cloud printing service; only for faxes sent through one.",
    ),
    "cloud_printer_id": Field(
        STRING, "Id of the printer at the cloud printing service; only for faxes sent through one."
    ),
    "fax_error": Field(
        STRING, "Why the fax failed, such as `NO_ANSWER`, or the message of the fax modem."
    ),
    "fax_id": Field(
        STRING,
        "Id of the fax's document; for received faxes, the month comes first, such as "
        "`202403-3513f829b23ce4ec8e4bc372701a0cae`.",
    ),
    "fax_info": Field(
        OBJECT,
        "Report of the fax modem, such as `fax_success`, `fax_total_pages`, `fax_result_code` "
        "and `fax_result_text`.",
    ),
    "fax_jobid": Field(STRING, "Id of the job that sends the fax."),
    "fax_notifications": Field(
        OBJECT, "Recipients of notices about the fax, such as the addresses in `email.send_to`."
    ),
    "fax_state": Field(
        STRING,
        "State of the fax: `start`, `prepare`, `send`, `receive`, `end` or `error`, for example.",
    ),
    "fax_timestamp": Field(
        LOOSE_INTEGER,
        "When the fax was received or sent, in gregorian seconds (unix time + 62167219200).",
    ),
    "fax_from_email": Field(STRING, "Mail address that sent the fax."),
    "fax_to_email": Field(
        STRING, "Mail address that the fax was sent to, such as `15552345678@fax.example.com`."
    ),
    "faxbox_id": Field(STRING, "Id of the faxbox that sends or receives the fax."),
    "faxbox_name": Field(STRING, "Name of the faxbox."),
    "faxbox_timezone": Field(STRING, "Time zone of the faxbox, such as `America/Los_Angeles`."),
    "errors": Field(STRINGS, "Why the mail could not be turned into a fax, one sentence each."),
    "job_id": Field(
        STRING, "Id of the fax's job; for a fax being received, the id of its document."
    ),
    "page": Field(
        LOOSE_INTEGER, "Number of pages sent or received so far; 0 before the first one."
    ),
    "stage": Field(
        STRING, "Step that the fax's job has reached, such as `prepare` or `send`; seldom present."
    ),
    "status": Field(
        STRING,
        "State in words: of the fax, such as `job acquired`, or of the registration that ends.",
    ),
    # Headers of every message on the bus.
    "access_group": Field(
        STRING, "Access group that the message is restricted to; seldom present."
    ),
    "amqp_broker": Field(STRING, "Message broker that the message came through; for operators."),
    "amqp_broker_zone": Field(
        STRING, "Zone of the message broker that the message came through; for operators."
    ),
    "app_name": Field(
        STRING,
        "Application of the switch that sent the message, such as `ecallmgr`, `callflow` or `fax`.",
    ),
    "app_version": Field(
        STRING, "Version of the application that sent the message, such as `4.0.0`."
    ),
    "defer_response": Field(
        LOOSE_BOOLEAN,
        "Whether the sender prefers another app's answer; of no use to receivers.",
    ),
    "deliver_to_pid": Field(
        STRING, "Process in the switch that the message is for; for operators."
    ),
    "destination_server": Field(STRING, "Server that the message is meant for; seldom present."),
    "event_category": Field(
        STRING,
        "Family of the event on the bus: `notification`, or `fax` for the progress of a fax.",
    ),
    "event_name": Field(
        STRING, "Name of the event on the bus, such as `PARK_PARKED` or `voicemail_new`."
    ),
    "geo_location": Field(STRING, "Location of the sender; seldom present."),
    "msg_id": Field(STRING, "Id of the message on the bus, to find it in the logs of the switch."),
    "node": Field(
        STRING, "Node of the switch that sent the message, such as `kazoo_apps@kz1.example.com`."
    ),
    "raw_headers": Field(
        OBJECT_OR_STRING, "Headers of the message as they came, unparsed; seldom present."
    ),
    "reply_to_pid": Field(STRING, "Process in the switch that waits for an answer; for operators."),
    "request_from_pid": Field(
        STRING, "Process in the switch that sent the message; for operators."
    ),
    "server_id": Field(
        STRING, "Queue on which the sender waits for an answer; of no use to receivers."
    ),
    "server_queue_id": Field(STRING, "Queue that the message came through; for operators."),
    "system_log_id": Field(
        STRING, "Id that the lines about this event carry in the logs of the switch."
    ),
    # Fields of every notification: they direct the mail that the notification causes.
    "account_db": Field(
        STRING,
        "Name of the account's database, such as "
        "`account%2F00%2F00%2F0000000000000000000000000c03`.",
    ),
    "attachment_url": Field(STRING, "Address of the file to attach to the mail."),
    "bcc": Field(
        ADDRESSES,
        "Recipients of blind copies of the mail: one address, a list, or an object with "
        "`email_addresses`.",
    ),
    "cc": Field(
        ADDRESSES,
        "Recipients of copies of the mail: one address, a list, or an object with "
        "`email_addresses`.",
    ),
    "html": Field(STRING, "HTML text of the mail, often in Base64; it replaces the template's."),
    "preview": Field(
        LOOSE_BOOLEAN,
        "Whether the mail is only a trial of its template; then the event did not really happen.",
    ),
    "reply_to": Field(
        ADDRESSES,
        "Recipients of replies to the mail: one address, a list, or an object with "
        "`email_addresses`.",
    ),
    "subject": Field(STRING, "Subject of the mail that the notification causes, or of the alert."),
    "text": Field(STRING, "Plain text of the mail, often in Base64; it replaces the template's."),
    # Notifications about calls and voicemail.
    "call_bridged": Field(LOOSE_BOOLEAN, "Whether the call was connected to somebody."),
    "comments": Field(STRING, "Free text that the callflow wrote into the notification."),
    "from_realm": Field(
        STRING, "Part after the `@` of the caller's address: a SIP realm or an IP address."
    ),
    "from_user": Field(
        STRING, "Part before the `@` of the caller's address: a SIP user name or a number."
    ),
    "max_message_count": Field(
        LOOSE_INTEGER, "Number of messages that the voicemail box can hold."
    ),
    "message_count": Field(LOOSE_INTEGER, "Number of messages in the voicemail box."),
    "message_left": Field(LOOSE_BOOLEAN, "Whether the caller left a voicemail message."),
    "notification_media": Field(
        LIST_OR_OBJECT, "Recordings or other media that the callflow attaches to the notification."
    ),
    "notify": Field(
        OBJECT_OR_STRING,
        "Event of the switch that led to the notification, or the callflow's recipients of it; "
        "keys are in lower case.",
    ),
    "template_id": Field(STRING, "Id of the template of the mail."),
    "to_realm": Field(
        STRING, "Part after the `@` of the called address: a SIP realm or an IP address."
    ),
    "to_user": Field(
        STRING, "Part before the `@` of the called address: a SIP user name or a number."
    ),
    "voicemail_box": Field(STRING, "Id of the voicemail box."),
    "voicemail_id": Field(
        STRING,
        "Id of the voicemail message; the month comes first, such as "
        "`202403-6e097cd291aed294d2018ecf4b3a6cb8`.",
    ),
    "voicemail_length": Field(
        LOOSE_INTEGER, "Length of the recording in milliseconds, such as `4580`."
    ),
    "voicemail_timestamp": Field(
        LOOSE_INTEGER, "When the message was left, in gregorian seconds (unix time + 62167219200)."
    ),
    "voicemail_transcription": Field(
        OBJECT_OR_STRING,
        "Transcription, if it is switched on: an object with the `result` and the `text`.",
    ),
    # Notifications about emergency calls.
    "account_name": Field(STRING, "Name of the account."),
    "device_name": Field(STRING, "Name of the device that placed the emergency call."),
    "emergency_address_city": Field(STRING, "City registered for the caller's emergency number."),
    "emergency_address_latitude": Field(
        AMOUNT, "Latitude registered for the caller's emergency number, in degrees."
    ),
    "emergency_address_longitude": Field(
        AMOUNT, "Longitude registered for the caller's emergency number, in degrees."
    ),
    "emergency_address_postal_code": Field(
        STRING, "Postal code registered for the caller's emergency number."
    ),
    "emergency_address_region": Field(
        STRING, "Region or state registered for the caller's emergency number."
    ),
    "emergency_address_street_1": Field(
        STRING, "House number and street registered for the caller's emergency number."
    ),
    "emergency_address_street_2": Field(
        STRING, "Rest of the address registered for the caller's emergency number, such as a floor."
    ),
    "emergency_caller_id_name": Field(STRING, "Display name that the emergency call shows."),
    "emergency_caller_id_number": Field(
        STRING, "Number that the emergency call shows, usually in E.164, such as `+15556783945`."
    ),
    "emergency_notfication_contact_emails": Field(
        STRINGS,
        "Mail addresses to notify of emergency calls; the name is misspelt on the bus too.",
    ),
    "emergency_test_call": Field(
        LOOSE_BOOLEAN, "Whether the call went to a test number instead of the emergency services."
    ),
    "emergency_to_did": Field(
        STRING, "Emergency number that was dialled, such as `911`, or the test number."
    ),
    "outbound_caller_id_name": Field(
        STRING, "Display name that ordinary calls of the caller show."
    ),
    "outbound_caller_id_number": Field(
        STRING, "Number that ordinary calls of the caller show, usually in E.164."
    ),
    "user_email": Field(STRING, "Mail address of the user who placed the emergency call."),
    "user_first_name": Field(STRING, "First name of the user who placed the emergency call."),
    "user_last_name": Field(STRING, "Last name of the user who placed the emergency call."),
    # Notifications about registrations.
    "contact": Field(
        STRING,
        "Address of the phone as a SIP URI, such as `sip:user_zDc455@10.2.0.1:53764`.",
    ),
    "event_timestamp": Field(
        LOOSE_INTEGER,
        "When the phone registered or went away, in gregorian seconds (unix time + 62167219200).",
    ),
    "expires": Field(
        LOOSE_INTEGER, "Seconds that the registration lasts unless the phone renews it."
    ),
    "freeswitch_hostname": Field(
        STRING, "Host name of the media server that reports the end of the registration."
    ),
    "from_host": Field(STRING, "Host in the `From` header of the registration."),
    "network_ip": Field(STRING, "IP address that the phone registered from."),
    "network_port": Field(
        LOOSE_INTEGER, "Port that the phone registered from, often as a string, such as `53764`."
    ),
    "occurrence": Field(
        STRING, "First event of its kind in the account: `call` or `registration`."
    ),
    "presence_hosts": Field(
        STRING, "SIP realms that presence is shared among, separated by commas."
    ),
    "profile_name": Field(
        STRING, "SIP profile of the media server that the phone was registered with."
    ),
    "realm": Field(STRING, "SIP realm of the phone, such as `acme.sip.example.com`."),
    "rpid": Field(STRING, "Presence state that the media server had of the phone."),
    "suppress_unregister_notify": Field(
        LOOSE_BOOLEAN, "Whether the device is set to end its registrations without a notification."
    ),
    "to_host": Field(STRING, "Host in the `To` header of the registration."),
    "user_agent": Field(
        STRING,
        "Make and firmware of the phone, from the `User-Agent` header, such as `PolycomVVX`.",
    ),
    "username": Field(STRING, "SIP user name of the phone, such as `user_zDc455`."),
    # Notifications about accounts and users.
    "account_api_key": Field(
        STRING, "API key of the new account; left out unless the operator lets secrets through."
    ),
    "account_realm": Field(STRING, "SIP realm of the new account, such as `acme.sip.example.com`."),
    "databag": Field(
        OBJECT, "Values for the template of the mail, as the sender of the update gave them."
    ),
    "email": Field(STRING, "Mail address of the user who wants a new password."),
    "first_name": Field(STRING, "First name of the user."),
    "hook_id": Field(STRING, "Id of the webhook that was disabled."),
    "last_name": Field(STRING, "Last name of the user."),
    "password": Field(
        STRING, "Password of the new user; left out unless the operator lets secrets through."
    ),
    "password_reset_link": Field(
        STRING, "Link that sets a new password; left out unless the operator lets secrets through."
    ),
    "recipient_id": Field(
        STRING, "Id of the account that the update is for, where it is for a single one."
    ),
    "timezone": Field(STRING, "Time zone of the user, such as `America/Los_Angeles`."),
    "user_id": Field(STRING, "Id of the user."),
    "user_type": Field(
        STRING, "Which users of the account the update is for, such as `admins_only`."
    ),
    "zones": Field(
        LIST_OR_OBJECT, "Zones of the cluster that serve the account, as they are after the change."
    ),
    # Notifications about money.
    "add_ons": Field(
        LIST_OR_OBJECT, "Add-ons charged with the transaction, as the payment processor lists them."
    ),
    "amount": Field(AMOUNT, "Amount of the transaction in units of the currency, such as `25.5`."),
    "audit_log": Field(OBJECT, "Author, origin and request of the change of the services."),
    "billing_address": Field(OBJECT_OR_STRING, "Billing address, as the payment processor has it."),
    "card_last_four": Field(LOOSE_INTEGER, "Last four digits of the payment card."),
    "currency_code": Field(
        STRING, "Currency of the transaction by its ISO 4217 code, such as `USD`."
    ),
    "current_balance": Field(
        AMOUNT, "Balance left on the account, in ten-thousandths of a dollar: `50000` is 5 dollars."
    ),
    "discounts": Field(
        LIST_OR_OBJECT, "Discounts on the transaction, as the payment processor lists them."
    ),
    "due_date": Field(
        LOOSE_INTEGER, "When the bill is due, in gregorian seconds (unix time + 62167219200)."
    ),
    "items": Field(
        LIST_OR_OBJECT, "Lines of the bill: objects with `category`, `quantity`, `rate` and more."
    ),
    "payment_token": Field(OBJECT_OR_STRING, "Means of payment that the bill is charged to."),
    "purchase_order": Field(STRING, "Purchase order of the transaction, or its reason."),
    "response": Field(STRING, "Answer of the payment processor in words, such as `Authorized`."),
    "service_plan": Field(OBJECT_OR_STRING, "Service plan that the transaction pays for."),
    "success": Field(LOOSE_BOOLEAN, "Whether the payment went through."),
    "tax_amount": Field(AMOUNT, "Tax within the amount, in units of the currency."),
    # Notifications about numbers.
    "acquired_for": Field(STRING, "Id of the account on whose behalf the number was acquired."),
    "authorized_by": Field(
        STRING, "Id of the account whose credentials were used to change the port request."
    ),
    "cnam": Field(
        OBJECT, "Caller name settings of the number: `display_name` and `inbound_lookup`."
    ),
    "comment": Field(
        OBJECT_OR_STRING,
        "Comment that was added to the port request: an object with its text, author and time.",
    ),
    "feature": Field(
        OBJECT_OR_STRING,
        "Feature of the number that somebody has to set up by hand, such as `e911`.",
    ),
    "local_number": Field(
        LOOSE_BOOLEAN, "Whether the number belongs to the cluster itself and not to a carrier."
    ),
    "number": Field(
        STRING, "Phone number that the notification is about, in E.164 or written out for people."
    ),
    "number_state": Field(STRING, "State of the number, such as `in_service` or `port_in`."),
    "port": Field(
        OBJECT_OR_STRING,
        "Details of the port that the switch keeps with the number; it is no network port.",
    ),
    "port_request_id": Field(
        STRING, "Id of the port request, which moves numbers from another carrier."
    ),
    "reason": Field(
        OBJECT_OR_STRING, "Why the port request changed its state, as the platform recorded it."
    ),
    "request": Field(
        OBJECT_OR_STRING,
        "Request: of a call, the dialled address as `user@realm`; of a caller name update, the "
        "API request.",
    ),
    "version": Field(
        STRING, "Version of the API that the port request was changed with, such as `v2`."
    ),
    # Alerts about the switch itself.
    "details": Field(
        OBJECT_OR_STRING,
        "Further facts about the alert; the members differ between alerts.",
    ),
    "line": Field(LOOSE_INTEGER, "Line of the source code that raised the alert."),
    "message": Field(STRING, "Text of the alert."),
    "module": Field(STRING, "Module of the switch that raised the alert."),
    "pid": Field(STRING, "Process of the switch that raised the alert, such as `<0.1.0>`."),
    "request_id": Field(STRING, "Id of the API request that raised the alert."),
    "section": Field(STRING, "Part of the switch that raised the alert."),
    # A callflow's own webhook; `data` becomes the payload, with the members that follow.
    "data": Field(
        OBJECT,
        "The callflow's facts about the call; its members are the payload, so receivers never "
        "see the object itself.",
    ),
    "hook": Field(
        OBJECT,
        "Webhook that the callflow carries; it determines the delivery and is not sent to "
        "receivers.",
    ),
    "bridge_id": Field(STRING, "Id that all the legs of a bridged call share."),
    "custom_sip_headers": Field(
        OBJECT, "Own SIP headers of the call; keys are in lower case with underscores."
    ),
    "fetch_id": Field(STRING, "Id of the routing request that started the callflow."),
    "from_tag": Field(STRING, "Tag of the SIP `From` header."),
    "is_call_forward": Field(LOOSE_BOOLEAN, "Whether the call comes from call forwarding."),
    "is_recording": Field(LOOSE_BOOLEAN, "Whether the call is being recorded."),
    "language": Field(STRING, "Language of the prompts that the caller hears, such as `en-us`."),
    "request_realm": Field(STRING, "Part after the `@` of the dialled address."),
    "request_user": Field(
        STRING, "Part before the `@` of the dialled address: the number or extension dialled."
    ),
    "resource_type": Field(STRING, "Media of the call, such as `audio`."),
    "switch_hostname": Field(
        STRING, "Host name of the media server that has the call, such as `kz1.example.com`."
    ),
    "switch_nodename": Field(
        STRING,
        "Node name of the media server that has the call, such as `freeswitch@kz1.example.com`.",
    ),
    "switch_uri": Field(STRING, "SIP URI of the media server that has the call."),
    "switch_url": Field(
        STRING,
        "SIP URL of the media server that has the call, such as `sip:mod_sofia@10.26.0.4:11000`.",
    ),
    "to_tag": Field(STRING, "Tag of the SIP `To` header."),
}
"""Fields by their names in the payload; the meaning covers all hooks."""

CHANNEL: dict[str, Field] = {
    "call_id": Field(
        STRING,
        "SIP `Call-ID` of this leg, which no other leg shares, such as "
        "`NDlkNGI3.OTZlMDgz@10.26.0.58`.",
    ),
    "custom_application_vars": Field(
        OBJECT,
        "Variables that applications attached to the call, with their names and values unchanged.",
    ),
    "from": Field(STRING, "Caller as `user@realm`, from the SIP `From` header."),
    "original_number": Field(
        STRING, "Number first dialled, before forwarding or translation changed it."
    ),
    "owner_id": Field(
        STRING, "Id of the user who owns the device of this leg; left out if nobody does."
    ),
    "timestamp": Field(
        INTEGER,
        "When it happened, in gregorian seconds (unix time + 62167219200), such as `63877497874`.",
    ),
    "to": Field(STRING, "Callee as `user@realm`, from the SIP `To` header."),
}

PARKING: dict[str, Field] = {
    "call_id": Field(
        STRING, "SIP `Call-ID` of the leg that is parked, or that retrieves the parked one."
    ),
    "event_name": Field(
        STRING, "What happened: `PARK_PARKED`, `PARK_RETRIEVED` or `PARK_ABANDONED`."
    ),
}

MESSAGE: dict[str, Field] = {
    "direction": Field(
        STRING, "`inbound` or `outbound`; left out where only messages from carriers are delivered."
    ),
    "from": Field(STRING, "Number of the sender, usually in E.164, such as `+15551110000`."),
    "id": Field(STRING, "Id of the message, such as `cafe.0123`."),
    "to": Field(STRING, "Number of the recipient, usually in E.164, such as `+15552345678`."),
    "type": Field(STRING, "Kind of the message: `sms` or `mms`."),
}

DOCUMENT: dict[str, Field] = {
    "id": Field(
        STRING,
        "Id of the document that changed; the name of the database where `type` is `database`.",
    ),
    "type": Field(
        STRING,
        "Type of the document, such as `user`, `device` or `vmbox`; `database` for whole "
        "databases.",
    ),
}

FAX: dict[str, Field] = {
    "call_id": Field(STRING, "SIP `Call-ID` of the call that carries the fax."),
    "direction": Field(STRING, "Direction of the fax: `incoming` or `outgoing`."),
    "event_category": Field(
        STRING, "Family of the event on the bus: `notification` for results, `fax` for progress."
    ),
    "event_name": Field(
        STRING,
        "What happened: `status` for progress, a notification such as `inbound_fax`, or a "
        "change such as `doc_created`.",
    ),
    "id": Field(STRING, "Id of the document that changed: the fax or the faxbox."),
    "number": Field(STRING, "Number that the fax was to be sent to."),
    "original_number": Field(STRING, "Number as the sender of the mail wrote it."),
    "owner_id": Field(
        STRING, "Id of the user who owns the faxbox or the device; left out if nobody does."
    ),
    "status": Field(STRING, "Progress of the fax in words, such as `job acquired`."),
    "type": Field(STRING, "Type of the document that changed: `fax` or `faxbox`."),
}

NOTIFICATION: dict[str, Field] = {
    "custom_application_vars": Field(
        OBJECT,
        "Variables that applications attached to the call; keys are in lower case with "
        "underscores.",
    ),
    "event_name": Field(
        STRING, "Type of the notification, such as `voicemail_new` or `missed_call`."
    ),
    "from": Field(
        ADDRESSES,
        "Sender of the mail that the notification causes; from a callflow's webhook, the caller "
        "as `user@realm`.",
    ),
    "id": Field(STRING, "Id of the transaction."),
    "original_number": Field(STRING, "Number as the sender of the mail to be faxed wrote it."),
    "status": Field(STRING, "State of the registration in words, as the media server gives it."),
    "to": Field(
        ADDRESSES,
        "Recipients of the mail: one, a list, or an object with `email_addresses`; from a "
        "callflow's webhook, the callee as `user@realm`.",
    ),
}

BY_HOOK: dict[str, dict[str, Field]] = {
    "channel_create": CHANNEL,
    "channel_answer": CHANNEL,
    "channel_bridge": CHANNEL,
    "channel_destroy": CHANNEL,
    "parking": PARKING,
    "sms": MESSAGE,
    "mms": MESSAGE,
    "object": DOCUMENT,
    "fax": FAX,
    "notifications": NOTIFICATION,
}
"""Fields with a narrower meaning for one hook than in `FIELDS`."""


def described(names: Iterable[str], hook: str | None = None) -> dict[str, dict[str, Any]]:
    """Return the JSON Schema properties of fields, with the hook's own meaning where it has one.

    Raises KeyError for a field without a description.
    """
    own = BY_HOOK.get(hook, {}) if hook else {}
    return {name: _property(own.get(name) or FIELDS[name]) for name in names}


def _property(field: Field) -> dict[str, Any]:
    kinds = field.types
    return {
        "type": kinds[0] if len(kinds) == 1 else list(kinds),
        "description": field.meaning,
    }
