"""Makes a day of calls out of plots: begins of calls, lost ends, late messages."""

from random import Random

from service.dialects.bus_message import BusMessage
from service.dialects.kazoo.day.plots import PLOTS, Plot, Story
from service.dialects.kazoo.day.script import Script
from service.dialects.sample_day import CallTruth, DayPlan, SampleDay

DAY_S = 50_400
"""Office hours, from eight to ten: the calls of a day begin in them."""
PEAKS_S = (9_000, 27_000)
"""The busiest times, after the start of the day."""
PEAK_WIDTH_S = 5_400
LOST_END_SHARE = 0.02
LATE_SHARE, MOST_LATE_S = 0.05, 0.06
"""Messages that others overtake, and for how long at most."""


def make_day(plan: DayPlan) -> SampleDay:
    """Return the day of a plan."""
    random = Random(plan.seed)  # noqa: S311 (a day to be repeated, not a secret)
    plots = [*PLOTS]
    # Few calls still have every plot.
    chosen = random.choices(plots, [*PLOTS.values()], k=max(0, plan.calls - len(plots)))
    chosen = [*plots[: plan.calls], *chosen]
    messages: list[tuple[float, BusMessage]] = []
    truths = []
    for plot in chosen:
        told, truth = _call(plan, random, plot)
        messages += told
        truths.append(truth)
    messages.sort(key=lambda one: one[0])
    return SampleDay(messages, truths)


def _call(
    plan: DayPlan, random: Random, plot: Plot
) -> tuple[list[tuple[float, BusMessage]], CallTruth]:
    at = int(plan.starts_at) + _begins_s(random)
    script = Script(plan.account_id, random, "")
    script.interaction = script.new_interaction(at)
    story = plot(script, at)
    lost = _lost_end(random, script)
    told = [one for one in script.messages if not _tells_end(one[1], lost)]
    return [(_arrives(random, at), message) for at, message in told], _truth(
        plot, script, story, lost
    )


def _begins_s(random: Random) -> int:
    while True:
        if random.random() < 0.3:
            return random.randrange(DAY_S)
        begins_s = int(random.gauss(random.choice(PEAKS_S), PEAK_WIDTH_S))
        if 0 <= begins_s < DAY_S:
            return begins_s


def _lost_end(random: Random, script: Script) -> str | None:
    if random.random() >= LOST_END_SHARE:
        return None
    return random.choice(script.legs).call_id


def _tells_end(message: BusMessage, leg: str | None) -> bool:
    body = message.body
    return bool(body["Event-Name"] == "CHANNEL_DESTROY" and body["Call-ID"] == leg)


def _arrives(random: Random, at: float) -> float:
    return at + random.uniform(0, MOST_LATE_S) if random.random() < LATE_SHARE else at


def _truth(plot: Plot, script: Script, story: Story, lost: str | None) -> CallTruth:
    return CallTruth(
        plot=plot.__name__,
        conversation_id=script.interaction,
        outcome=story.outcome,
        direction=story.direction,
        legs=sorted(leg.call_id for leg in script.legs),
        ring_s=None if lost else story.ring_s,
        talk_s=None if lost else story.talk_s,
        transfers=story.transfers,
        lost_ends=() if lost is None else (lost,),
    )
