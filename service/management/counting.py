"""Count of an account's attempts that covers more of the log with each look.

A row costs the store 10 µs, and an account may have any number. So a look reads `A_LOOK` rows: the
new ones, then those before the oldest one counted so far. Sums are kept in between.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from service.documents.buckets import AFTER_ALL_IDS
from service.management.tally import Tally

A_LOOK = 5000
MOST_COUNTED = 50_000
"""Rows read for one view; older ones are left out."""
SETTLED_S = 40.0
"""Age at which the log has an attempt: it took 30 s at most, and waited about a second to be
written. Its id has the time of its start."""


@dataclass(frozen=True, slots=True)
class Part:
    """Sums of the attempts with ids from `first` up to, but not including, `end`.

    `read` has the rows that do not count as well.
    """

    first: str
    end: str
    read: int = 0
    tallies: Sequence[Tally] = ()


class Read(Protocol):
    """Reading of the log."""

    async def __call__(self, first: str, end: str, most: int) -> Part:
        """Return the newest part of a range, of `most` rows at most."""


async def look(read: Read, known: Part | None, since: str, settled: str) -> tuple[Part, Part]:
    """Return the part to remember for the next look, and the part to show.

    Rows before the id `settled` are read once, the others again with each look.
    """
    known = known or Part(settled, settled)
    settled = max(settled, known.end)
    recent = await read(settled, AFTER_ALL_IDS, A_LOOK)
    left = A_LOOK - recent.read
    if left <= 0:
        return known, recent
    if known.end < settled:
        newer = await read(known.end, settled, left)
        # Rows between the two parts would be missing, so the older part is forgotten.
        known = _joined(newer, known) if newer.read < left else newer
        left -= newer.read
    if since < known.first and left > 0 and known.read < MOST_COUNTED:
        known = _joined(known, await read(since, known.first, left))
    return known, _joined(recent, known)


def _joined(newer: Part, older: Part) -> Part:
    counts: Counter[Tally] = Counter()
    for tally in (*newer.tallies, *older.tallies):
        counts[replace(tally, count=0)] += tally.count
    tallies = [replace(tally, count=count) for tally, count in counts.items()]
    return Part(older.first, newer.end, newer.read + older.read, tallies)
