"""Kazoo's dialect as one value; see `service.dialects.dialect`."""

from service.dialects.dialect import Dialect
from service.dialects.kazoo.announcement import ANNOUNCEMENT
from service.dialects.kazoo.attempts import attempt_members
from service.dialects.kazoo.call_facts import CALL_FACTS
from service.dialects.kazoo.call_notes import call_note
from service.dialects.kazoo.catalogue import NAME, hooks
from service.dialects.kazoo.day.make import make_day
from service.dialects.kazoo.decode import KazooDecoder
from service.dialects.kazoo.leg_questions import KazooLegQuestions
from service.dialects.kazoo.pivot import PIVOT
from service.dialects.kazoo.pivot_requests import PivotRequests
from service.dialects.kazoo.policy import KazooPolicy
from service.dialects.kazoo.recorded import recorded
from service.dialects.kazoo.request import KazooRequests
from service.dialects.sample_call import SampleCall


def kazoo(policy: KazooPolicy, max_message_bytes: int) -> Dialect:
    """Return the dialect with the operator's settings."""
    documents_by = policy.answer_pivot_requests
    return Dialect(
        name=NAME,
        hooks=hooks(policy),
        decoder=KazooDecoder(policy, max_message_bytes),
        requests=KazooRequests(policy.cluster_id),
        announcement=ANNOUNCEMENT,
        attempt_members=attempt_members,
        call_facts=CALL_FACTS,
        recorded=recorded,
        test_hook="channel_create",
        call_note=call_note,
        leg_questions=KazooLegQuestions(),
        questions=(PIVOT,),
        asked=None if documents_by is None else PivotRequests(documents_by),
        make_day=make_day,
        sample_call=SampleCall(
            hooks=("channel_create", "channel_answer", "channel_bridge", "channel_destroy"),
            answered="channel_answer",
            ended="channel_destroy",
            told="A simulated call runs over the bus: it rings, is answered, is bridged and ends.",
        ),
    )
