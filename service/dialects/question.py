"""Questions of a switch: hooks whose answer steers a call, and the entries of the catalogue."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from service.dialects.content import ContentWriter
from service.dialects.hook import JSON_SCHEMA


@dataclass(frozen=True, slots=True)
class Question:
    """A kind of question: what is asked, and in which form the switch reads the answer.

    `call_id_members` are the members that may hold the call's id, the first one that is present
    counts. `writer` makes the contents of the requests from the members. `no_document` is the
    answer that lets the call go on without a document; where it is None, that is a status 404.
    """

    hook_id: str
    name: str
    description: str
    source: str
    form: str
    """The form of `service.answers.forms` that the switch reads."""
    members: Mapping[str, Mapping[str, Any]]
    call_id_members: Sequence[str]
    writer: Callable[[Mapping[str, Any]], ContentWriter]
    sample: Callable[[str, str], Mapping[str, Any]]
    """The members of a question for an account and a call id."""
    no_document: bytes | None = None

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON Schema of the request; its answer is a document of `service/answers`."""
        return {
            "$schema": JSON_SCHEMA,
            "$id": f"{self.hook_id}/1",
            "title": self.name,
            "description": self.description,
            "type": "object",
            "properties": dict(self.members),
            "required": [],
        }

    def call_id_in(self, members: Mapping[str, Any]) -> str | None:
        """Return the call's id in the members of a question."""
        for name in self.call_id_members:
            found = members.get(name)
            if isinstance(found, str) and found:
                return found
        return None
