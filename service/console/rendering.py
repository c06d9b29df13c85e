"""Templates with escaping always on, and the filters that they use."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import orjson
from jinja2 import Environment, FileSystemLoader, pass_context
from jinja2.runtime import Context
from markupsafe import Markup, escape

from service import __version__
from service.console.addresses import url_of
from service.console.charts import spark_line, track
from service.text.json_text import read_json, write_json
from service.text.plural import counted

HERE = Path(__file__).parent
UNITS = ((86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))
NOTHING = "\N{EN DASH}"
LONGEST_SHOWN = 200_000
"""Characters of a body on a page."""


def _now() -> datetime:
    return datetime.now(UTC)


class Templates:
    """The templates, compiled when first used."""

    def __init__(self, now: Callable[[], datetime] = _now) -> None:
        self._now = now
        self._environment = Environment(
            loader=FileSystemLoader(HERE / "templates"),
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters |= {
            "ago": self._ago,
            "at": when,
            "milliseconds": milliseconds,
            "pretty": pretty,
            "share": share,
            "counted": counted,
            "words": words,
            "prose": prose,
        }
        self._environment.globals |= {
            "version": __version__,
            "spark_line": spark_line,
            "track": track,
            "with_query": with_query,
            "visit_url": account_url,
        }

    def render(self, template: str, **values: Any) -> str:
        """Return the template's text. Raises jinja2's errors, which are bugs."""
        return self._environment.get_template(template).render(**values)

    def _ago(self, value: Any) -> Markup:
        at = when(value)
        if at is None:
            return Markup('<span class="none">never</span>')
        return Markup('<time datetime="{}" title="{}">{}</time>').format(
            at.isoformat(timespec="milliseconds"),
            f"{at:%Y-%m-%d %H:%M:%S} UTC",
            relative((self._now() - at).total_seconds()),
        )


def account_url(account_id: str, *parts: str, **query: str) -> str:
    """Return the URL of a page of an account."""
    return url_of("accounts", account_id, *parts, **query)


def when(value: Any) -> datetime | None:
    """Return a time given as ISO 8601 or as a value."""
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    return value if isinstance(value, datetime) else None


def relative(seconds: float) -> str:
    """Return an age, or a time to come, in words."""
    amount = abs(seconds)
    if amount < 1:
        return "just now"
    size, unit = next((size, unit) for size, unit in UNITS if amount >= size)
    text = counted(int(amount // size), unit)
    return f"in {text}" if seconds < 0 else f"{text} ago"


def milliseconds(value: float | None) -> str:
    """Return a duration in the unit that people read best."""
    if value is None:
        return NOTHING
    if value >= 10_000:
        return f"{value / 1000:.0f} s"
    if value >= 1000:
        return f"{value / 1000:.1f} s"
    return f"{value:.0f} ms" if value >= 10 else f"{value:.1f} ms"


def share(value: float | None) -> str:
    """Return a share in percent; only a full one is shown as 100 %."""
    if value is None:
        return NOTHING
    percent = value * 100
    return "100 %" if value == 1 else f"{min(percent, 99.9):.1f} %"


def pretty(value: Any) -> str:
    """Return a value, or JSON text, as indented JSON; any other text unchanged.

    A receiver may send any text, also one that is nested too deeply to be indented.
    """
    try:
        parsed = read_json(value) if isinstance(value, str) else value
        return write_json(parsed, orjson.OPT_INDENT_2).decode()[:LONGEST_SHOWN]
    except (ValueError, TypeError):
        return str(value)[:LONGEST_SHOWN]


def words(value: str | None) -> str:
    """Return an identifier as words."""
    return (value or "").replace("_", " ")


def prose(value: str) -> Markup:
    """Return our own text with what stands in backticks as code."""
    parts = value.split("`")
    if len(parts) % 2 == 0:
        return escape(value)
    marked = [Markup("<code>{}</code>").format(one) if n % 2 else escape(one)
              for n, one in enumerate(parts)]  # fmt: skip
    return Markup("").join(marked)


@pass_context
def with_query(context: Context, **changes: Any) -> str:
    """Return the query of this page with some values changed; None removes one."""
    current: Mapping[str, str] = context["visit"].query
    merged = {**current, **changes}
    kept = {key: value for key, value in merged.items() if value not in (None, "")}
    query: str = urlencode(kept)
    return f"?{query}"
