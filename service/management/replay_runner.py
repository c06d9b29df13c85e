"""Run replays in the background of every worker, each replay in one worker at a time."""

import asyncio
import time
from dataclasses import dataclass
from datetime import timedelta

import structlog

from service.domain.errors import Unavailable
from service.management.dead_letters import DeadLetters, revived
from service.management.replay import Progress, Replay, ReplayState

AT_ONCE = 50
LEASE = timedelta(seconds=20)
MOST_AT_ONCE = 4
LOOK_EVERY_S = 2.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ReplayRunner:
    """Runs replays that no other worker runs; a slow replay does not delay the others."""

    letters: DeadLetters

    async def run(self) -> None:
        """Run replays until cancelled, through failures of store and broker."""
        async with asyncio.TaskGroup() as tasks:
            for number in range(MOST_AT_ONCE):
                tasks.create_task(self._run_one_by_one(), name=f"replays {number}")

    async def _run_one_by_one(self) -> None:
        while True:
            try:
                await self.run_next()
            except Unavailable as error:
                # The lease expires; then any worker claims the rest.
                log.warning("replay.interrupted", error=str(error))
            except Exception:
                log.exception("replay.bug")
            await asyncio.sleep(LOOK_EVERY_S)

    async def run_next(self) -> None:
        """Run one replay to its end, if any is free."""
        now = self.letters.now()
        replay = await self.letters.replays.claim(now, now + LEASE)
        if replay is None:
            return
        replayed = replay.replayed
        # Checked before each batch: the replay may have been cancelled during the pause.
        while await self._advance(replay, replayed, ended=False):
            began = time.monotonic()
            count = await self._some(replay, replayed)
            replayed += count
            if not await self._advance(replay, replayed, ended=count == 0):
                return
            await asyncio.sleep(max(0.0, count / replay.rate_per_s - (time.monotonic() - began)))

    async def _some(self, replay: Replay, replayed: int) -> int:
        """Revive the next batch of letters and return its size."""
        letters = self.letters
        # A batch must not outlive the lease, however low the rate is.
        size = min(AT_ONCE, max(1, int(replay.rate_per_s)), replay.limit - replayed)
        if size <= 0:
            return 0
        found = await letters.archive.oldest(replay.selection, size)
        for letter in found:
            delivery = letters.archive.delivery(letter)
            await letters.queue.revive(
                revived(delivery, replay.replay_id, letters.now(), replay.max_age_s)
            )
            await letters.archive.mark_replayed(
                letter, replay.replay_id, replay.created_by, letters.now()
            )
        return len(found)

    async def _advance(self, replay: Replay, replayed: int, *, ended: bool) -> bool:
        """Store the progress; return whether to go on."""
        now = self.letters.now()
        state = ReplayState.FINISHED if ended else ReplayState.RUNNING
        progress = Progress(replayed, state, now + LEASE, now if ended else None)
        wanted = await self.letters.replays.advance(replay.replay_id, progress)
        if wanted and ended:
            log.info(
                "replay.finished",
                replay_id=replay.replay_id,
                account_id=replay.account_id,
                replayed=replayed,
            )
        return wanted and not ended
