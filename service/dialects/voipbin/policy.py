"""What an operator may choose about VoIPBIN's messages."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from annotated_types import Ge, Le, Len, Predicate


def is_http(url: str) -> bool:
    """Return whether a text is the beginning of an HTTP address."""
    return url.startswith(("http://", "https://"))


Tap = Literal["topic", "fanout", "rpc"]


@dataclass(frozen=True, slots=True)
class VoipbinPolicy:
    """Where VoIPBIN's events are taken from, and what of them is sent on."""

    __pydantic_config__: ClassVar = {"extra": "forbid", "use_attribute_docstrings": True}

    taps: Annotated[tuple[Tap, ...], Len(1)] = ("topic",)
    """Where events are taken from. `topic`: the one of webhook-manager, with what
    VoIPBIN's customers get; `fanout`: one for each service, also with the events of participants,
    queues and flows; `rpc`: the requests to webhook-manager, which must not run any more."""
    require_https: bool = True
    """Accept only `https` URLs at `/v1.0/webhooks`, as VoIPBIN's documentation says."""
    api_url: Annotated[str, Predicate(is_http)] | None = None
    """URL of VoIPBIN's API, such as `https://api.voipbin.net/v1.0`; `/v1.0/webhooks` then accepts
    its customers' tokens and access keys as well."""
    api_cache_s: Annotated[float, Ge(0.0), Le(3600.0)] = 30.0
    """Seconds for which VoIPBIN's answer about a token is cached."""
    forward_secrets: bool = False
    """Send the keys and passwords that some events carry, such as the `engine_key` of an AI."""
