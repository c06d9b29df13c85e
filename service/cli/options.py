"""Types of options that several commands share."""

import re
from datetime import timedelta

import click

UNITS_S = {"m": 60, "h": 3600, "d": 86_400}


class Span(click.ParamType[timedelta]):
    """A time span such as 90d, 12h or 30m."""

    name = "span"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> timedelta:
        """Return the span."""
        found = re.fullmatch(r"([1-9]\d{0,5})([mhd])", value)
        if found is None:
            self.fail(f"{value!r} is not a time span such as 90d, 12h or 30m", param, ctx)
        return timedelta(seconds=int(found[1]) * UNITS_S[found[2]])
