"""The tokens of switches that the API accepts beside its own."""

from service.dialects.kazoo.crossbar.tokens import CrossbarQuestion
from service.dialects.policies import VoipbinPolicy
from service.dialects.token_check import CheckedTokens
from service.dialects.voipbin.api_tokens import VoipbinQuestion


def foreign_tokens(
    crossbar_url: str | None, crossbar_cache_s: float, voipbin: VoipbinPolicy
) -> list[CheckedTokens]:
    """Return a check for each API of a switch that the operator has named."""
    found = []
    if crossbar_url is not None:
        found.append(CheckedTokens(CrossbarQuestion(crossbar_url), crossbar_cache_s))
    if voipbin.api_url is not None:
        found.append(CheckedTokens(VoipbinQuestion(voipbin.api_url), voipbin.api_cache_s))
    return found
