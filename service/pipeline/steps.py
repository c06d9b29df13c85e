"""Order of statuses in a profile: none that is out of date is told after a later one.

All workers share what was told. A status waits until the earlier one of its row is settled, which
another worker may be sending.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from service.domain.event import event_id_of
from service.domain.webhook import Webhook
from service.pipeline.progress import Progress
from service.pipeline.recovery.availability import Availability
from service.ports import ToldSteps
from service.profiles.profile import Step

PAUSE_S = 0.05
"""Seconds between two looks at an earlier status that is being sent."""


@dataclass(frozen=True, slots=True)
class Steps:
    """Gives each status its turn. A status counts once; its own redelivery and retries do again."""

    told: ToldSteps
    availability: Availability

    @asynccontextmanager
    async def turn(
        self, webhook: Webhook, step: Step, event_id: str, progress: Progress
    ) -> AsyncIterator[bool]:
        """Yield whether the step may be told, once those before it are settled."""
        progress.begun = True
        row = event_id_of(f"{webhook.webhook_id}/{webhook.profile}", step.row.encode())
        until_available = self.availability.until_available
        if not await until_available(lambda: self.told.begin(row, step.rank, event_id)):
            yield False
            return
        # Another worker may be sending it: only the store knows.
        while await until_available(  # noqa: ASYNC110
            lambda: self.told.earlier_is_sent(row, step.rank)
        ):
            await asyncio.sleep(PAUSE_S)
        yield True
        await until_available(lambda: self.told.end(row, step.rank))
