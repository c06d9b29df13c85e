"""The cost of failing receivers: one attempt in ten is answered with 503, and retried."""

from typing import Any

from service.bench.figures import ratios, spread
from service.bench.measurements.drain import ACCOUNTS, Backlog, drained, summary
from service.bench.setting.seed import one_each, store
from service.bench.setting.site import Site

NEVER_OFF = {"SWITCHHOOK_DISABLE__FAILURE_COUNT": "1000"}
"""Six failures in a row will occur; by default they disable a webhook, which gets no requests."""


async def failures(site: Site) -> dict[str, Any]:
    """Measure attempts per second, in turns: none fails, and one in ten does."""
    await store(site.mongo_url, "sound", one_each(ACCOUNTS, site.sink.urls()))
    await store(site.mongo_url, "flaky", one_each(ACCOUNTS, site.sink.urls("/flaky")))
    backlog = Backlog(ACCOUNTS, site.effort.events)
    sound, flaky = [], []
    for pair in range(1, site.effort.pairs + 1):
        sound.append(await drained(site, backlog, site.eager_service("sound")))
        flaky.append(await drained(site, backlog, site.eager_service("flaky", **NEVER_OFF)))
        site.tell(
            f"pair {pair} of {site.effort.pairs}: none fails {sound[-1].speed.per_s:.0f}/s, "
            f"one in ten {flaky[-1].speed.per_s:.0f}/s"
        )
    ratio = ratios([run.speed.per_s for run in flaky], [run.speed.per_s for run in sound])
    return {
        "failures": {"none": summary(sound), "tenth": summary(flaky), "ratio": spread(ratio)},
    }
