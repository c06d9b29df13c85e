"""Charts as inline SVG, made on the server; colours come from the style sheet."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from markupsafe import Markup

BAR, GAP, HEIGHT = 4, 1, 24
TRACK = 1000


def spark_line(hours: Sequence[Mapping[str, Any]]) -> Markup:
    """Return a bar for each hour, failures at its foot; hours without an attempt have a dot."""
    most = max((hour["succeeded"] + hour["failed"] for hour in hours), default=0)
    attempts = sum(hour["succeeded"] + hour["failed"] for hour in hours)
    failed = sum(hour["failed"] for hour in hours)
    paths: dict[str, list[str]] = {"idle": [], "good": [], "bad": []}
    for number, hour in enumerate(hours):
        for kind, top, height in _bars(hour["succeeded"], hour["failed"], most):
            paths[kind].append(f"M{number * (BAR + GAP)} {top:.1f}h{BAR}v{height:.1f}h-{BAR}z")
    drawn = Markup("").join(
        Markup('<path class="{}" d="{}"/>').format(kind, "".join(path))
        for kind, path in paths.items()
        if path
    )
    return Markup(
        '<svg class="spark" viewBox="0 0 {} {}" preserveAspectRatio="none" '
        'role="img" aria-label="{}">{}</svg>'
    ).format(
        max(1, len(hours)) * (BAR + GAP),
        HEIGHT,
        f"last 24 hours: {attempts} attempts, {failed} failed",
        drawn,
    )


def _bars(succeeded: int, failed: int, most: int) -> Iterator[tuple[str, float, float]]:
    """Yield kind, top and height of the parts of a bar; a single failure is always visible."""
    count = succeeded + failed
    if not count:
        yield "idle", HEIGHT - 1.0, 1.0
        return
    height = max(2.0, HEIGHT * count / most)
    bad = max(2.0, height * failed / count) if failed else 0.0
    if succeeded:
        yield "good", HEIGHT - height, max(0.0, height - bad)
    if failed:
        yield "bad", HEIGHT - bad, bad


def track(start: float, length: float, kind: str) -> Markup:
    """Return a bar on a time line; start and length are shares of the whole line."""
    x = min(max(start, 0.0), 1.0) * TRACK
    width = max(8.0, min(length, 1.0) * TRACK)
    return Markup(
        '<svg class="track" viewBox="0 0 {} 12" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="rail" x="0" y="5" width="{}" height="2"/>'
        '<rect class="{}" x="{:.1f}" y="1" width="{:.1f}" height="10"/></svg>'
    ).format(TRACK, TRACK, kind, min(x, TRACK - width), width)
