"""Events of call legs as Kazoo publishes them, with times, causes and partners as a test wants."""

import time
from dataclasses import dataclass, field, replace
from typing import Any

from service.dialects.bus_message import BusMessage, Occasion
from service.text.gregorian import GREGORIAN_OFFSET_S
from tests.e2e.harness import SAMPLES


@dataclass(frozen=True)
class Leg:
    """A leg of a call; its events say what is given here."""

    account_id: str
    call_id: str
    interaction: str | None = None
    direction: str = "inbound"
    outside: bool = False
    more: dict[str, Any] = field(default_factory=dict)

    def event(self, hook: str, at: float | None = None, **members: Any) -> BusMessage:
        """Return the message of a hook that happened at a time, in unix seconds."""
        message = SAMPLES[hook](Occasion.now(self.account_id, self.call_id))
        body = {**message.body, **self.more, **members, "Call-Direction": self.direction}
        body["Timestamp"] = round(at or time.time()) + GREGORIAN_OFFSET_S
        variables = {**body["Custom-Channel-Vars"]}
        variables.pop("Call-Interaction-ID", None)
        if self.interaction is not None:
            variables["Call-Interaction-ID"] = self.interaction
        inbound = self.direction == "inbound"
        if inbound:
            variables["Authorizing-Type"] = "resource" if self.outside else "device"
        elif self.outside:
            variables["Resource-ID"] = "carrier"
        body["Custom-Channel-Vars"] = variables
        return replace(message, body=body)

    def created(self, at: float | None = None) -> BusMessage:
        return self.event("channel_create", at)

    def answered(self, at: float | None = None) -> BusMessage:
        return self.event("channel_answer", at)

    def bridged(self, other: str | None = None, at: float | None = None) -> BusMessage:
        """Return the bridge with another leg, by default with one that no other call has."""
        partner = other or f"partner-of-{self.call_id}"
        return self.event("channel_bridge", at, **{"Other-Leg-Call-ID": partner})

    def destroyed(
        self, at: float | None = None, billing_s: int = 0, cause: str = "NORMAL_CLEARING"
    ) -> BusMessage:
        members = {"Hangup-Cause": cause, "Billing-Seconds": billing_s, "Ringing-Seconds": 2}
        return self.event("channel_destroy", at, **members)
