"""Results as a picture: groups of horizontal bars, as SVG."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

LABEL, LENGTH, FIGURE = 300, 420, 90
BAR, GAP, TITLE = 18, 6, 34
COLOURS = {"floor": "#9aa5b1", "service": "#2563eb"}


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar; `kind` gives its colour."""

    label: str
    value: float
    kind: str = "service"


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars of one unit, drawn to one scale."""

    title: str
    bars: Sequence[Bar]


def chart(charts: Sequence[Chart]) -> str:
    """Return the charts, one below the other, as an SVG document."""
    parts, top = [], 0
    for each in charts:
        parts += _drawn(each, top)
        top += TITLE + len(each.bars) * (BAR + GAP)
    width, height = LABEL + LENGTH + FIGURE, max(top + GAP, 1)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"'
    style = ' font-family="sans-serif" font-size="12">'
    paper = f'<rect width="{width}" height="{height}" fill="white"/>'
    return "\n".join([head + style, paper, *parts, "</svg>", ""])


def _drawn(each: Chart, top: int) -> list[str]:
    longest = max((bar.value for bar in each.bars), default=0) or 1
    lines = [f'<text x="8" y="{top + 22}" font-weight="bold">{escape(each.title)}</text>']
    for number, bar in enumerate(each.bars):
        lines += _bar(bar, top + TITLE + number * (BAR + GAP), longest)
    return lines


def _bar(bar: Bar, y: int, longest: float) -> list[str]:
    length = max(1, round(bar.value / longest * LENGTH))
    text = y + BAR - 5
    return [
        f'<text x="{LABEL - 8}" y="{text}" text-anchor="end">{escape(bar.label)}</text>',
        f'<rect x="{LABEL}" y="{y}" width="{length}" height="{BAR}" fill="{COLOURS[bar.kind]}"/>',
        f'<text x="{LABEL + length + 6}" y="{text}">{figure(bar.value)}</text>',
    ]


def figure(value: float) -> str:
    """Return a value as shown beside its bar."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
