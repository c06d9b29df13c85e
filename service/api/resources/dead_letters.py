"""`/v2/accounts/{A}/dead_letters`: dead letters and their replays."""

from dataclasses import dataclass, replace

from service.api.http.operation import Access, Answer, ApiCall, operation
from service.api.shapes.answers import Counted, Discarded, LetterAnswer, LetterInFull, ReplayAnswer
from service.api.shapes.bodies import DiscardOrder, LetterFilter, LetterOrder, ReplayOrder
from service.api.shapes.pages import Pages, filled
from service.api.shapes.queries import (
    LETTER_MEMBERS,
    LettersQuery,
    ReplaysQuery,
    selection_of,
    span,
)
from service.domain.errors import Invalid
from service.management.dead_letters import DeadLetters, letter_key, replay_key, replay_view
from service.management.selection import Selection

ALL = "/v2/accounts/{account_id}/dead_letters"
REPLAY = f"{ALL}/replays/{{replay_id}}"
TAG, REPLAYS = "Dead letters", "Replays"


@dataclass(frozen=True, slots=True)
class LetterHandlers:
    """Each method answers one operation."""

    letters: DeadLetters
    pages: Pages

    @operation(
        "GET",
        ALL,
        name="listDeadLetters",
        tag=TAG,
        data=list[LetterAnswer],
        query=LettersQuery,
        paged=True,
    )
    async def page(self, call: ApiCall) -> Answer:
        """List the account's dead letters, the newest first."""
        query: LettersQuery = call.query
        size = self.pages.size(query)
        selection = selection_of(call.account_id, query, LETTER_MEMBERS)
        selection = replace(selection, own_only=call.own_only)
        items, page = await filled(
            lambda after, count: self.letters.page(selection, after, count),
            size,
            query.start_key,
            letter_key,
        )
        return Answer(items, page=page)

    @operation(
        "GET",
        f"{ALL}/{{delivery_id}}",
        name="getDeadLetter",
        tag=TAG,
        data=LetterInFull,
        errors=(404,),
    )
    async def one(self, call: ApiCall) -> Answer:
        """Return a dead letter with its payload."""
        delivery_id = call.path["delivery_id"]
        return Answer(await self.letters.one(call.account_id, delivery_id, own_only=call.own_only))

    @operation(
        "POST",
        f"{ALL}/replay",
        name="replayDeadLetters",
        tag=TAG,
        data=ReplayAnswer | Counted,
        access=Access.WRITE,
        body=ReplayOrder,
        example={"filter": {"reason": "exhausted"}, "dry_run": True},
        status=202,
        also=(200,),
    )
    async def replay(self, call: ApiCall) -> Answer:
        """Replay dead letters, or count those that a replay would find."""
        order: ReplayOrder = call.body
        selection = replace(_selection(call.account_id, order), own_only=call.own_only)
        if order.dry_run:
            matched = min(order.limit, await self.letters.count(selection))
            return Answer({"matched": matched, "dry_run": True})
        replay = await self.letters.replay(
            call.principal,
            call.account_id,
            selection,
            order.limit,
            order.rate_per_s,
            order.max_age_s,
        )
        return Answer(replay_view(replay), 202, location=f"replays/{replay.replay_id}")

    @operation(
        "POST",
        f"{ALL}/discard",
        name="discardDeadLetters",
        tag=TAG,
        data=Discarded | Counted,
        access=Access.WRITE,
        body=DiscardOrder,
        example={"filter": {"reason": "webhook_disabled"}, "dry_run": True},
    )
    async def discard(self, call: ApiCall) -> Answer:
        """Delete dead letters for good, or count those that would be deleted."""
        order: DiscardOrder = call.body
        selection = replace(_selection(call.account_id, order), own_only=call.own_only)
        if order.dry_run:
            return Answer({"matched": await self.letters.count(selection), "dry_run": True})
        return Answer({"discarded": await self.letters.discard(call.principal, selection)})

    @operation(
        "GET",
        f"{ALL}/replays",
        name="listReplays",
        tag=REPLAYS,
        data=list[ReplayAnswer],
        query=ReplaysQuery,
        paged=True,
    )
    async def all_replays(self, call: ApiCall) -> Answer:
        """List the account's replays, the newest first."""
        query: ReplaysQuery = call.query
        items, page = await filled(
            lambda after, count: self.letters.all_replays(call.account_id, after, count),
            self.pages.size(query),
            query.start_key,
            replay_key,
        )
        return Answer(items, page=page)

    @operation("GET", REPLAY, name="getReplay", tag=REPLAYS, data=ReplayAnswer, errors=(404,))
    async def progress(self, call: ApiCall) -> Answer:
        """Return the progress of a replay."""
        replay = await self.letters.progress(call.account_id, call.path["replay_id"])
        return Answer(replay_view(replay))

    @operation(
        "DELETE",
        REPLAY,
        name="cancelReplay",
        tag=REPLAYS,
        data=ReplayAnswer,
        access=Access.WRITE,
        errors=(404, 409),
    )
    async def cancel(self, call: ApiCall) -> Answer:
        """Stop a replay."""
        replay_id = call.path["replay_id"]
        replay = await self.letters.cancel(call.principal, call.account_id, replay_id)
        return Answer(replay_view(replay))


def _selection(account_id: str, order: LetterOrder) -> Selection:
    if (order.ids is None) == (order.filter is None):
        message = "give either ids or filter; a filter of {} selects all"
        raise Invalid.of("filter", "required", message)
    if order.ids is not None:
        return Selection(account_id, ids=tuple(order.ids))
    wanted = order.filter or LetterFilter()
    since, until = span(wanted.created_from, wanted.created_to, "created")
    given = wanted.model_dump(exclude_none=True, exclude={"created_from", "created_to"})
    equals = {LETTER_MEMBERS[key]: value for key, value in given.items()}
    return Selection(account_id, equals, since, until)
