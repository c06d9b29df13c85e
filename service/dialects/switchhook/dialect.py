"""The service's own events as one value; see `service.dialects.dialect`."""

from service.dialects.dialect import Dialect
from service.dialects.switchhook.catalogue import NAME, hooks
from service.dialects.switchhook.decode import OwnDecoder
from service.dialects.switchhook.request import OwnRequests


def switchhook(max_message_bytes: int) -> Dialect:
    """Return the dialect; no switch is needed for it."""
    offered = hooks()
    return Dialect(
        name=NAME,
        hooks=offered,
        decoder=OwnDecoder(max_message_bytes),
        requests=OwnRequests(),
        test_hook=offered[0].hook_id,
    )
