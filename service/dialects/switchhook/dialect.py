"""The service's own events as one value; see `service.dialects.dialect`."""

from service.dialects.dialect import Dialect
from service.dialects.switchhook.catalogue import NAME, hooks
from service.dialects.switchhook.decode import OwnDecoder
from service.dialects.switchhook.request import OwnRequests
from service.domain.filters.occurrence import CallFacts, reader_of


def switchhook(max_message_bytes: int) -> Dialect:
    """Return the dialect; no switch is needed for it."""
    offered = hooks()
    return Dialect(
        name=NAME,
        hooks=offered,
        decoder=OwnDecoder(max_message_bytes),
        requests=OwnRequests(),
        call_facts=CallFacts(
            direction=reader_of("direction"),
            caller=reader_of("from"),
            callee=reader_of("to"),
            duration_s=reader_of("duration_s"),
        ),
        test_hook=offered[0].hook_id,
    )
