"""A document that is the same each time is read once; its links are judged every time."""

from dataclasses import dataclass, field

import orjson
import pytest

from service.answers.errors import BadAnswer
from service.answers.policy import AnswerPolicy
from service.domain.webhook import Asking, Webhook
from service.pipeline.ask.check import REMEMBERED_BYTES, AnswerCheck
from service.pipeline.ask.values import Ask
from tests.builders import make_webhook
from tests.dialects import DIALECTS

URI = "https://ivr.example.com/start"
MENU = (
    b'<Response><Gather action="a"><Play>https://cdn.example.net/m.wav</Play></Gather></Response>'
)


@dataclass
class Guard:
    """Refuses some URLs, and notes each that it was asked about."""

    refused: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)

    async def refusal(self, uri: str, *, https_only: bool = False) -> str | None:  # noqa: ARG002
        self.asked.append(uri)
        return "private" if uri in self.refused else None


def question(webhook: Webhook) -> Ask:
    return Ask(
        "b" * 32, DIALECTS.questions["pivot"], webhook, {}, f"https://us/{webhook.webhook_id}"
    )


def webhook(webhook_id: str = "hook-1") -> Webhook:
    return make_webhook(webhook_id=webhook_id, hook="pivot", asking=Asking(webhook_id * 5))


@pytest.mark.parametrize("padding", [0, REMEMBERED_BYTES])
async def test_a_link_that_was_allowed_is_refused_once_it_is_not_allowed(padding: int) -> None:
    guard, content = Guard(), MENU + b" " * padding
    check = AnswerCheck(guard, AnswerPolicy())
    await check.document(question(webhook()), content, "", URI)
    guard.refused.add("https://cdn.example.net/m.wav")
    with pytest.raises(BadAnswer, match=r"Gather\[1\]/Play\[1\]/@url: refused by private"):
        await check.document(question(webhook()), content, "", URI)
    assert guard.asked == 2 * ["https://ivr.example.com/a", "https://cdn.example.net/m.wav"]


async def test_the_same_document_of_two_webhooks_is_asked_at_the_address_of_each() -> None:
    check = AnswerCheck(Guard(), AnswerPolicy())
    asked = []
    for name in ("hook-1", "hook-2", "hook-1"):
        made = await check.document(question(webhook(name)), MENU, "", URI)
        node = orjson.loads(made.content)["children"]["_"]["children"]["_"]
        asked.append(node["data"]["voice_url"].partition("?"))
    assert [address for address, _, _ in asked] == [
        f"https://us/{name}" for name in ("hook-1", "hook-2", "hook-1")
    ]
    assert asked[0] == asked[2]
    assert asked[0][2] != asked[1][2]
