"""VoIPBIN's flow action `fetch`, whose `event_url` may be ours: what it asks, and what it reads.

It needs status 200 with an array of actions: any other answer ends the whole activeflow, and an
empty array changes nothing.
"""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from service.dialects.content import Content
from service.dialects.question import Question
from service.dialects.voipbin.catalogue import NAME
from service.dialects.voipbin.go_json import go_json
from service.domain.webhook import Webhook

JSON = "application/json; charset=utf-8"


class FetchContents:
    """Writes the one body of all requests of a question."""

    def __init__(self, members: Mapping[str, Any]) -> None:
        self._members = members

    @cached_property
    def _only(self) -> Content:
        return Content(JSON, go_json(dict(self._members)))

    def content(self, webhook: Webhook) -> Content:  # noqa: ARG002
        """See `ContentWriter`."""
        return self._only


FETCH = Question(
    hook_id="fetch",
    name="Fetch",
    description="A flow that asks for its next actions. The answer is a document that steers it.",
    source=NAME,
    form="voipbin",
    members={
        "activeflow_id": {"type": "string", "description": "The run of the flow."},
        "reference_id": {"type": "string", "description": "The call that runs it."},
        "Digits": {"type": "string", "description": "The digits of the last input."},
    },
    call_id_members=("reference_id",),
    writer=FetchContents,
    sample=lambda account_id, call_id: {"activeflow_id": account_id, "reference_id": call_id},
    no_document=b"[]",
)
