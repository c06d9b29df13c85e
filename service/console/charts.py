"""Charts as inline SVG, made on the server; colours come from the style sheet."""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

BAR, GAP, HEIGHT = 4, 1, 24
TRACK = 1000


def spark_line(hours: Sequence[Mapping[str, Any]]) -> Markup:
    """Return a bar for each hour, failures at its foot; hours without an attempt have a dot."""
    most = max((hour["succeeded"] + hour["failed"] for hour in hours), default=0)
    attempts = sum(hour["succeeded"] + hour["failed"] for hour in hours)
    failed = sum(hour["failed"] for hour in hours)
    bars = Markup("").join(_bar(number, hour, most) for number, hour in enumerate(hours))
    return Markup(
        '<svg class="spark" viewBox="0 0 {} {}" preserveAspectRatio="none" '
        'role="img" aria-label="{}">{}</svg>'
    ).format(
        len(hours) * (BAR + GAP),
        HEIGHT,
        f"last 24 hours: {attempts} attempts, {failed} failed",
        bars,
    )


def _bar(number: int, hour: Mapping[str, Any], most: int) -> Markup:
    x = number * (BAR + GAP)
    count = hour["succeeded"] + hour["failed"]
    if not count:
        return Markup('<rect class="idle" x="{}" y="{}" width="{}" height="1"/>').format(
            x, HEIGHT - 1, BAR
        )
    height = max(2.0, HEIGHT * count / most)
    bad = height * hour["failed"] / count
    bad = max(bad, 2.0) if hour["failed"] else 0.0
    return Markup(
        '<rect class="good" x="{}" y="{:.1f}" width="{}" height="{:.1f}"/>'
        '<rect class="bad" x="{}" y="{:.1f}" width="{}" height="{:.1f}"/>'
    ).format(x, HEIGHT - height, BAR, max(0.0, height - bad), x, HEIGHT - bad, BAR, bad)


def track(start: float, length: float, kind: str) -> Markup:
    """Return a bar on a time line; start and length are shares of the whole line."""
    x = min(max(start, 0.0), 1.0) * TRACK
    width = max(8.0, min(length, 1.0) * TRACK)
    return Markup(
        '<svg class="track" viewBox="0 0 {} 12" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="rail" x="0" y="5" width="{}" height="2"/>'
        '<rect class="{}" x="{:.1f}" y="1" width="{:.1f}" height="10"/></svg>'
    ).format(TRACK, TRACK, kind, min(x, TRACK - width), width)
