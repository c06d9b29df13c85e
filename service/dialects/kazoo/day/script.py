"""Script of one call: its legs, and Kazoo's messages of what they do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from service.dialects.bus_message import BusMessage, Occasion
from service.dialects.kazoo.samples import REALM, channel, notification, parking
from service.domain.webhook import NOTHING
from service.text.gregorian import GREGORIAN_OFFSET_S

STEP_S = 0.01
"""Between two messages of one call and one second."""
SIP_CODES = {
    "NORMAL_CLEARING": "sip:200",
    "NO_ANSWER": "sip:480",
    "USER_BUSY": "sip:486",
    "ORIGINATOR_CANCEL": "sip:487",
    "CALL_REJECTED": "sip:603",
    "UNALLOCATED_NUMBER": "sip:404",
    "NORMAL_TEMPORARY_FAILURE": "sip:503",
}


@dataclass(slots=True)
class Leg:
    """A leg in the making; times are whole unix seconds."""

    call_id: str
    interaction: str
    direction: str
    caller: str
    called: str
    variables: dict[str, Any]
    loopback: bool = False
    created_at: int = 0
    answered_at: int | None = None
    transfers: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Script:
    """The messages of one call, in the order in which things happen."""

    account_id: str
    random: Random
    interaction: str
    messages: list[tuple[float, BusMessage]] = field(default_factory=list)
    legs: list[Leg] = field(default_factory=list)
    open: dict[str, Leg] = field(default_factory=dict)

    def _id(self, digits: int) -> str:
        return f"{self.random.getrandbits(4 * digits):0{digits}x}"

    def new_interaction(self, at: int) -> str:
        """Return an id of the kind that ecallmgr gives to a leg without one."""
        return f"{at + GREGORIAN_OFFSET_S}-{self._id(8)}"

    def inbound(self, at: int, caller: str, called: str, *, outside: bool = False) -> Leg:
        """Have somebody call the switch; a later caller brings an interaction id of its own."""
        interaction = self.new_interaction(at) if self.legs else self.interaction
        kind = {"Authorizing-Type": "resource", "Authorizing-ID": "carrier-1"}
        variables = kind if outside else self._device(caller)
        return self._created(
            at, Leg(self._call_id(), interaction, "inbound", caller, called, variables)
        )

    def outbound(
        self,
        at: int,
        of: Leg,
        called: str,
        variables: Mapping[str, str] = NOTHING,
        *,
        outside: bool = False,
    ) -> Leg:
        """Have the switch call somebody on behalf of a leg."""
        given = self._device(called)
        if outside:
            given = {
                "Resource-ID": "carrier-1",
                "Global-Resource": self.random.choice((True, "false")),
            }
        given |= variables
        return self._created(
            at, Leg(self._call_id(), of.interaction, "outbound", of.caller, called, given)
        )

    def loopback(self, at: int, of: Leg, called: str) -> Sequence[Leg]:
        """Have the switch call itself, as it does to forward; return both halves."""
        halves = []
        for direction in ("outbound", "inbound"):
            variables = self._device(called) | {"Call-Forward": "true"}
            leg = Leg(self._call_id(), of.interaction, direction, of.caller, called, variables)
            leg.loopback = True
            halves.append(self._created(at, leg))
        return halves

    def answer(self, at: int, *legs: Leg) -> None:
        """Have legs answered."""
        for leg in legs:
            leg.answered_at = at
            self._say("CHANNEL_ANSWER", leg, at)

    def bridge(self, at: int, one: Leg, other: Leg) -> None:
        """Connect two legs; afterwards both have the older interaction id.

        In Kazoo that change is a race with the event of the bridge itself, which has either id.
        """
        older = min(one.interaction, other.interaction)
        early = self.random.random() < 0.5
        if early:
            one.interaction = other.interaction = older
        more = {"Other-Leg-Call-ID": other.call_id, "Other-Leg-Destination-Number": other.called}
        self._say("CHANNEL_BRIDGE", one, at, more)
        one.interaction = other.interaction = older

    def end(self, at: int, *legs: Leg, cause: str = "NORMAL_CLEARING") -> None:
        """Have legs end."""
        for leg in legs:
            answered = leg.answered_at
            more: dict[str, Any] = {
                "Hangup-Cause": cause,
                "Hangup-Code": SIP_CODES.get(cause),
                "Duration-Seconds": str(at - leg.created_at),
                "Billing-Seconds": 0 if answered is None else at - answered,
                "Ringing-Seconds": str((at if answered is None else answered) - leg.created_at),
            }
            if leg.transfers:
                more["Transfer-History"] = leg.transfers
            self._say("CHANNEL_DESTROY", leg, at, more)
            del self.open[leg.call_id]

    def transferred(self, at: int, leg: Leg, kind: str, to: str) -> None:
        """Note a transfer of a leg; Kazoo tells it with the end of that leg."""
        number = str(at + GREGORIAN_OFFSET_S)
        leg.transfers[number] = {"Call-ID": leg.call_id, "Type": kind, "Extension": to}

    def park(self, at: int, name: str, leg: Leg) -> None:
        """Have a leg parked, retrieved or given up."""
        message = parking(Occasion(self.account_id, leg.call_id, at, self._id(16)))
        key = message.routing_key.replace("PARK_PARKED", name)
        body = {**message.body, "Event-Name": name, "Caller-ID-Number": leg.caller}
        self._add(at, replace(message, routing_key=key, body=body))

    def voicemail(self, at: int, leg: Leg) -> None:
        """Have a message left, which its notification tells."""
        message = notification(Occasion(self.account_id, leg.call_id, at, self._id(16)))
        more = {"Voicemail-ID": f"202611-{self._id(32)}", "Caller-ID-Number": leg.caller}
        self._add(at, replace(message, body={**message.body, **more, "System-Log-ID": self._id(8)}))

    def _device(self, number: str) -> dict[str, Any]:
        return {
            "Authorizing-Type": "device",
            "Authorizing-ID": f"{int(number.lstrip('+*')):032x}",
            "Owner-ID": f"{int(number.lstrip('+*')) + 1:032x}",
        }

    def _call_id(self) -> str:
        return f"{self._id(20)}@10.26.0.{self.random.randrange(1, 255)}"

    def _created(self, at: int, leg: Leg) -> Leg:
        leg.created_at = at
        self.legs.append(leg)
        self.open[leg.call_id] = leg
        self._say("CHANNEL_CREATE", leg, at)
        return leg

    def _say(self, name: str, leg: Leg, at: int, more: dict[str, Any] | None = None) -> None:
        message = channel(name, Occasion(self.account_id, leg.call_id, at, self._id(16)))
        kept = ("Account-ID", "Account-Name", "Account-Realm", "Ecallmgr-Node")
        variables = {key: message.body["Custom-Channel-Vars"][key] for key in kept}
        said = {
            "To": f"{leg.called}@{REALM}",
            "From": f"{leg.caller}@{REALM}",
            "Request": f"{leg.called}@{REALM}",
            "Caller-ID-Number": leg.caller,
            "Callee-ID-Number": leg.called,
            "Call-Direction": leg.direction,
            "Channel-Is-Loopback": leg.loopback,
            "Channel-Name": f"loopback/{leg.called}" if leg.loopback else f"sofia/s/{leg.called}",
            "Custom-Channel-Vars": variables
            | leg.variables
            | {"Call-Interaction-ID": leg.interaction},
        }
        self._add(at, replace(message, body={**message.body, **said, **(more or {})}))

    def _add(self, at: int, message: BusMessage) -> None:
        after = self.messages[-1][0] + STEP_S if self.messages else float(at)
        self.messages.append((max(float(at), after), message))
