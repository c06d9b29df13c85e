"""Plots of calls: what happens in each, and what its author knows of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random

from service.dialects.kazoo.day.script import Leg, Script
from service.domain.call_summary import (
    ABANDONED,
    ANSWERED,
    BUSY,
    CANCELLED,
    FAILED,
    INBOUND,
    INTERNAL,
    MISSED,
    OUTBOUND,
    VOICEMAIL,
)

EXTENSIONS = [str(number) for number in range(1001, 1060)]


@dataclass(slots=True)
class Story:
    """What is true of a call, beside its legs."""

    outcome: str
    direction: str
    ring_s: int
    talk_s: int = 0
    transfers: list[str] = field(default_factory=list)


Plot = Callable[[Script, int], Story]


def outside_number(random: Random) -> str:
    """Return a number of somebody outside."""
    return f"+1555{random.randrange(10**7):07d}"


def begin(script: Script, at: int) -> tuple[Leg, str]:
    """Have somebody from anywhere call; return the caller's leg and the direction."""
    random = script.random
    direction = random.choice((INBOUND, INBOUND, OUTBOUND, INTERNAL))
    called = outside_number(random) if direction == OUTBOUND else random.choice(EXTENSIONS)
    return _begin(script, at, direction, called), direction


def _begin(script: Script, at: int, direction: str, called: str) -> Leg:
    inbound = direction == INBOUND
    caller = outside_number(script.random) if inbound else "1060"
    return script.inbound(at, caller, called, outside=inbound)


def _from_outside(script: Script, at: int) -> Leg:
    return _begin(script, at, INBOUND, script.random.choice(EXTENSIONS))


def _connected(script: Script, at: int, a: Leg, *, outside: bool = False) -> tuple[Leg, int]:
    """Have the phones of the called party ring and one answer; return its leg, and when."""
    random = script.random
    count = 1 if outside else random.choice((1, 1, 2, 3))
    phones = [script.outbound(at + 1, a, a.called, outside=outside) for _ in range(count)]
    answered_at = at + random.randrange(3, 25)
    b = random.choice(phones)
    script.answer(answered_at, b)
    others = [phone for phone in phones if phone is not b]
    script.end(answered_at, *others, cause="LOSE_RACE")
    if a.answered_at is None:
        script.answer(answered_at, a)
    script.bridge(answered_at, a, b)
    return b, answered_at


def answered(script: Script, at: int) -> Story:
    """A call that is answered, with one or several phones ringing."""
    a, direction = begin(script, at)
    b, answered_at = _connected(script, at, a, outside=direction == OUTBOUND)
    talk_s = script.random.randrange(5, 600)
    script.end(answered_at + talk_s, a, b)
    return Story(ANSWERED, direction, answered_at - at, talk_s)


def rings_out(script: Script, at: int) -> Story:
    """Nobody answers, or the caller from outside gives up."""
    a = _from_outside(script, at)
    phones = [script.outbound(at + 1, a, a.called) for _ in range(script.random.randrange(1, 4))]
    ended_at = at + script.random.randrange(5, 40)
    gives_up = script.random.random() < 0.5
    cause = "ORIGINATOR_CANCEL" if gives_up else "NO_ANSWER"
    script.end(ended_at, *phones, cause=cause)
    script.end(ended_at, a, cause=cause)
    return Story(MISSED, INBOUND, ended_at - at)


def rings_out_beside_busy(script: Script, at: int) -> Story:
    """One phone of the called party is busy, the other is not answered."""
    a = _from_outside(script, at)
    busy, ringing = (script.outbound(at + 1, a, a.called) for _ in range(2))
    script.end(at + 2, busy, cause="USER_BUSY")
    script.end(at + 20, ringing, cause="NO_ANSWER")
    script.end(at + 20, a, cause="NO_ANSWER")
    return Story(MISSED, INBOUND, 20)


def declined(script: Script, at: int) -> Story:
    """The called party declines."""
    a = _from_outside(script, at)
    b = script.outbound(at + 1, a, a.called)
    script.end(at + 6, b, cause="CALL_REJECTED")
    script.end(at + 6, a, cause="CALL_REJECTED")
    return Story(MISSED, INBOUND, 6)


def busy(script: Script, at: int) -> Story:
    """The called party is busy."""
    a, direction = begin(script, at)
    b = script.outbound(at + 1, a, a.called, outside=direction == OUTBOUND)
    script.end(at + 3, b, cause="USER_BUSY")
    script.end(at + 3, a, cause="USER_BUSY")
    return Story(BUSY, direction, 3)


def cancelled(script: Script, at: int) -> Story:
    """An own caller hangs up before the answer."""
    direction = script.random.choice((OUTBOUND, INTERNAL))
    out = direction == OUTBOUND
    a = _begin(script, at, direction, outside_number(script.random) if out else "1001")
    b = script.outbound(at + 1, a, a.called, outside=out)
    ended_at = at + script.random.randrange(4, 20)
    script.end(ended_at, b, a, cause="ORIGINATOR_CANCEL")
    return Story(CANCELLED, direction, ended_at - at)


def failed(script: Script, at: int) -> Story:
    """The other network, or the switch itself, cannot connect the call."""
    cause = script.random.choice(("UNALLOCATED_NUMBER", "NORMAL_TEMPORARY_FAILURE"))
    reached = script.random.random() < 0.6
    called = outside_number(script.random) if reached else "1099"
    a = _begin(script, at, OUTBOUND if reached else INTERNAL, called)
    if reached:
        b = script.outbound(at + 1, a, a.called, outside=True)
        script.end(at + 2, b, cause=cause)
    script.end(at + 2, a, cause=cause)
    return Story(FAILED, OUTBOUND if reached else INTERNAL, 2)


def blind_transfer(script: Script, at: int) -> Story:
    """The called party sends the caller on to a third, who answers, or does not."""
    a = _from_outside(script, at)
    b, answered_at = _connected(script, at, a)
    first_s = script.random.randrange(10, 90)
    moved_at = answered_at + first_s
    script.transferred(moved_at, a, "blind", "1058")
    script.end(moved_at, b)
    c = script.outbound(moved_at + 1, a, "1058")
    if script.random.random() < 0.3:
        script.end(moved_at + 20, c, a, cause="NO_ANSWER")
        return Story(ANSWERED, INBOUND, answered_at - at, first_s, ["blind"])
    again_at, then_s = moved_at + 8, script.random.randrange(10, 200)
    script.answer(again_at, c)
    script.bridge(again_at, a, c)
    script.end(again_at + then_s, c, a)
    return Story(ANSWERED, INBOUND, answered_at - at, first_s + then_s, ["blind"])


def attended_transfer(script: Script, at: int) -> Story:
    """The called party asks a third by a call of its own, and connects both.

    While it asks, the caller is on hold, and the two of them speak: all of it is talk.
    """
    a = _from_outside(script, at)
    b, answered_at = _connected(script, at, a)
    asks_at = answered_at + script.random.randrange(10, 60)
    b2 = script.inbound(asks_at, b.called, "1057")
    c = script.outbound(asks_at + 1, b2, "1057")
    script.answer(asks_at + 5, c, b2)
    script.bridge(asks_at + 5, b2, c)
    moved_at = asks_at + script.random.randrange(10, 40)
    script.transferred(moved_at, a, "attended", "1057")
    script.bridge(moved_at, a, c)
    script.end(moved_at, b, b2)
    ended_at = moved_at + script.random.randrange(10, 200)
    script.end(ended_at, c, a)
    return Story(ANSWERED, INBOUND, answered_at - at, ended_at - answered_at, ["attended"])


def pick_up(script: Script, at: int) -> Story:
    """A colleague takes the call that rings at another phone."""
    a = _from_outside(script, at)
    b = script.outbound(at + 1, a, a.called)
    d = script.inbound(at + 8, "1056", f"*8{a.called}")
    script.answer(at + 8, d, a)
    script.end(at + 8, b, cause=script.random.choice(("PICKED_OFF", "LOSE_RACE")))
    script.bridge(at + 8, d, a)
    talk_s = script.random.randrange(5, 200)
    script.end(at + 8 + talk_s, a, d)
    return Story(ANSWERED, INBOUND, 8, talk_s)


def parked(script: Script, at: int) -> Story:
    """The called party parks the caller; a colleague retrieves it, or it gives up."""
    a = _from_outside(script, at)
    b, answered_at = _connected(script, at, a)
    first_s = script.random.randrange(10, 60)
    parked_at = answered_at + first_s
    script.transferred(parked_at, a, "blind", "*3701")
    script.end(parked_at, b)
    script.park(parked_at, "PARK_PARKED", a)
    if script.random.random() < 0.25:
        script.end(parked_at + 50, a)
        script.park(parked_at + 50, "PARK_ABANDONED", a)
        return Story(ANSWERED, INBOUND, answered_at - at, first_s, ["blind"])
    taken_at = parked_at + script.random.randrange(10, 60)
    d = script.inbound(taken_at, "1055", "*3701")
    script.answer(taken_at, d)
    script.park(taken_at, "PARK_RETRIEVED", a)
    script.bridge(taken_at, d, a)
    then_s = script.random.randrange(10, 100)
    script.end(taken_at + then_s, d, a)
    return Story(ANSWERED, INBOUND, answered_at - at, first_s + then_s, ["blind"])


def queued(script: Script, at: int) -> Story:
    """A queue answers, several agents ring, and one of them answers or nobody."""
    a = _begin(script, at, INBOUND, "1050")
    script.answer(at + 1, a)
    a.variables["Queue-ID"] = "9b2d7cf01c6f4e6ba1b3a3a4f5f00d11"
    given_up, round_at = script.random.random() < 0.4, at + 2
    for _ in range(script.random.randrange(0 if given_up else 1, 3)):
        agents = [
            script.outbound(
                round_at, a, "1051", {"Agent-ID": f"{number:032x}", "Member-Call-ID": a.call_id}
            )
            for number in range(script.random.randrange(2, 5))
        ]
        if not given_up:
            b = agents.pop()
            script.answer(round_at + 6, b)
            script.end(round_at + 6, *agents, cause="LOSE_RACE")
            script.bridge(round_at + 6, a, b)
            talk_s = script.random.randrange(10, 400)
            script.end(round_at + 6 + talk_s, b, a)
            return Story(ANSWERED, INBOUND, round_at + 6 - at, talk_s)
        script.end(round_at + 15, *agents, cause="NO_ANSWER")
        round_at += 16
    script.end(round_at + 3, a)
    return Story(ABANDONED, INBOUND, round_at + 3 - at)


def forwarded(script: Script, at: int) -> Story:
    """The called party's phone is forwarded to a number outside, by an internal leg."""
    a = _from_outside(script, at)
    halves = script.loopback(at + 1, a, a.called)
    c = script.outbound(at + 1, a, outside_number(script.random), outside=True)
    answered_at = at + script.random.randrange(5, 20)
    script.answer(answered_at, c, *halves, a)
    script.bridge(answered_at, halves[1], c)
    script.bridge(answered_at, a, halves[0])
    talk_s = script.random.randrange(5, 200)
    script.end(answered_at + talk_s, c, *halves, a)
    return Story(ANSWERED, INBOUND, answered_at - at, talk_s)


def voicemail(script: Script, at: int) -> Story:
    """Nobody answers; the box does, and the caller leaves a message, or none."""
    a = _from_outside(script, at)
    b = script.outbound(at + 1, a, a.called)
    script.end(at + 20, b, cause=script.random.choice(("NO_ANSWER", "USER_BUSY")))
    script.answer(at + 21, a)
    ended_at = at + 21 + script.random.randrange(5, 60)
    script.end(ended_at, a)
    script.voicemail(ended_at + 1, a)
    return Story(VOICEMAIL, INBOUND, 21)


def application(script: Script, at: int) -> Story:
    """An application answers, and nobody else is called."""
    a = _begin(script, at, INBOUND, "1052")
    script.answer(at + 1, a)
    talk_s = script.random.randrange(5, 60)
    script.end(at + 1 + talk_s, a)
    return Story(ANSWERED, INBOUND, 1, talk_s)


PLOTS: Mapping[Plot, int] = {
    answered: 45,
    rings_out: 10,
    rings_out_beside_busy: 2,
    declined: 2,
    busy: 5,
    cancelled: 4,
    failed: 4,
    blind_transfer: 5,
    attended_transfer: 4,
    pick_up: 3,
    parked: 3,
    queued: 6,
    forwarded: 3,
    voicemail: 6,
    application: 3,
}
"""Every plot with its weight."""
