"""Writer of the attempt log: buffers rows and writes them in bulk, without delaying deliveries.

The log is best effort: while the store is unavailable the buffer fills, then the oldest rows are
dropped and counted. The history that must not be lost travels with the delivery.
"""

import asyncio
from collections import deque

import structlog

from service.domain.delivery import Attempt
from service.domain.errors import StoreUnavailable
from service.observability.metrics import Metrics
from service.ports import AttemptLog

ROWS_AT_ONCE = 500
MANY = 2_000
"""Where more rows wait, so many are written at once: with ten webhooks per event, a thousand rows
came during one write, and 500 at a time filled the buffer within seconds."""
FEW, FEW_AT_ONCE, REST_S = 100, 20, 0.002
"""Where no more than a few rows wait, a caller may wait for an answer beside them: a write of 100
rows took 5 ms of the event loop. Where many wait, small writes would cost more than they help."""
FLUSH_EVERY_S = 0.2
BACK_OFF_S = 1.0

log = structlog.get_logger(__name__)


class AttemptWriter:
    """Bounded buffer of the attempts that are not written yet."""

    def __init__(
        self, attempt_log: AttemptLog, metrics: Metrics, capacity: int, *, record_successes: bool
    ) -> None:
        self._log = attempt_log
        self._metrics = metrics
        self._capacity = capacity
        self._record_successes = record_successes
        self._rows: deque[Attempt] = deque()
        self._writing = asyncio.Lock()
        metrics.measure(metrics.attempt_log_waiting, lambda: len(self._rows))

    def add(self, attempt: Attempt) -> None:
        """Buffer a row, dropping the oldest if the buffer is full.

        Successes are left out where `record_successes` is off, except those of tests.
        """
        if not (self._record_successes or attempt.test) and attempt.response.outcome.succeeded:
            return
        if len(self._rows) >= self._capacity:
            self._rows.popleft()
            self._metrics.attempt_log_dropped.inc()
        self._rows.append(attempt)

    async def run(self) -> None:
        """Write buffered rows every `FLUSH_EVERY_S` until cancelled."""
        while True:
            await asyncio.sleep(FLUSH_EVERY_S)
            try:
                await self.flush()
            except StoreUnavailable as error:
                log.warning("attempt_log.unavailable", error=str(error), waiting=len(self._rows))
                await asyncio.sleep(BACK_OFF_S)
            except Exception:
                # A bug in the log must not stop deliveries: only this batch is lost.
                log.exception("attempt_log.bug")

    async def flush(self) -> None:
        """Write the rows that wait now, after a write that is under way.

        Raises StoreUnavailable; rows that were not written stay in the buffer.
        """
        async with self._writing:
            # The few that come meanwhile wait for the next time: many small writes cost more.
            left = len(self._rows)
            while self._rows and (left > 0 or len(self._rows) >= ROWS_AT_ONCE):
                most = _at_once(len(self._rows))
                left -= most
                await self._write_some(most)
                if most == FEW_AT_ONCE and left > 0:
                    await asyncio.sleep(REST_S)

    async def _write_some(self, most: int) -> None:
        rows = [self._rows.popleft() for _ in range(min(most, len(self._rows)))]
        try:
            await self._log.write(rows)
        except StoreUnavailable:
            self._put_back(rows)
            raise
        except Exception:
            self._metrics.attempt_log_dropped.inc(len(rows))
            raise

    def _put_back(self, rows: list[Attempt]) -> None:
        room = max(0, self._capacity - len(self._rows))
        lost = max(0, len(rows) - room)
        self._metrics.attempt_log_dropped.inc(lost)
        self._rows.extendleft(reversed(rows[lost:]))


def _at_once(waiting: int) -> int:
    """Return how many rows the next write takes."""
    if waiting <= FEW:
        return FEW_AT_ONCE
    return ROWS_AT_ONCE if waiting <= MANY else MANY
