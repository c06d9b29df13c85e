"""VoIPBIN as one value; see `service.dialects.dialect`."""

from service.dialects.dialect import Dialect
from service.dialects.sample_call import SampleCall
from service.dialects.voipbin.call_facts import CALL_FACTS
from service.dialects.voipbin.call_notes import call_note
from service.dialects.voipbin.catalogue import NAME, hooks
from service.dialects.voipbin.collection import VoipbinWebhooks
from service.dialects.voipbin.decode import VoipbinDecoder
from service.dialects.voipbin.fetch import FETCH
from service.dialects.voipbin.leg_questions import VoipbinLegQuestions
from service.dialects.voipbin.names import HookNames
from service.dialects.voipbin.policy import VoipbinPolicy
from service.dialects.voipbin.recorded import recorded
from service.dialects.voipbin.request import VoipbinRequests
from service.dialects.voipbin.rpc import WebhookManager


def voipbin(policy: VoipbinPolicy, max_message_bytes: int) -> Dialect:
    """Return the dialect as the operator has set it."""
    offered, names = hooks(policy), HookNames()
    return Dialect(
        name=NAME,
        hooks=offered,
        decoder=VoipbinDecoder(policy, max_message_bytes),
        requests=VoipbinRequests(),
        call_facts=CALL_FACTS,
        recorded=recorded,
        catalogued=names.catalogued,
        test_hook=offered[0].hook_id,
        call_note=call_note,
        leg_questions=VoipbinLegQuestions(),
        questions=(FETCH,),
        sample_call=SampleCall(
            hooks=("call_created", "call_ringing", "call_progressing", "call_hangup"),
            answered="call_progressing",
            ended="call_hangup",
            told="A simulated call runs over VoIPBIN's bus: it comes, rings, is answered and ends.",
        ),
        collection=VoipbinWebhooks(names, require_https=policy.require_https),
        rpc=WebhookManager(max_message_bytes) if "rpc" in policy.taps else None,
    )
