"""Check of an answer: read, written in the form that the switch reads, and its links judged."""

import asyncio
from collections.abc import Sequence
from functools import lru_cache, partial

from service.answers.errors import BadAnswer, BadAnswerReason
from service.answers.forms import FORMS, Translated, form_of, read, written_as
from service.answers.policy import AnswerPolicy
from service.answers.urls import Link, rewritten
from service.domain.delivery import Response
from service.domain.immutable import immutable
from service.pipeline.ask.follow_up import address_of
from service.pipeline.ask.values import Ask
from service.ports import LinkGuard

REMEMBERED = 200
REMEMBERED_BYTES = 4096
"""Documents that are kept, and the most bytes of one: a menu is the same for every call."""


@immutable
class Unjudged:
    """A document in the form that the switch reads, and the links that nobody has judged yet."""

    translated: Translated
    links: Sequence[Link]


class AnswerCheck:
    """Makes a document safe for a switch."""

    def __init__(self, guard: LinkGuard, policy: AnswerPolicy) -> None:
        self._guard = guard
        self.policy = policy
        self._remembered = lru_cache(maxsize=REMEMBERED)(self._translated)

    async def checked(self, ask: Ask, response: Response, uri: str) -> Translated:
        """Return the document of a response that came from `uri`. Raises BadAnswer."""
        return await self.document(ask, response.body, _content_type(response), uri)

    async def document(self, ask: Ask, content: bytes, content_type: str, uri: str) -> Translated:
        """Return a document in the form that the switch reads. Raises BadAnswer.

        A short document is read once. The guard judges its links every time: names change.
        """
        source = self._form(ask, content, content_type)
        key = ask.webhook.asking.key if ask.webhook.asking else ""
        translate = self._translated if len(content) > REMEMBERED_BYTES else self._remembered
        unjudged = translate(
            content, content_type, source, uri, ask.own_url, key, ask.question.form
        )  # fmt: skip
        if unjudged.links:
            await self._judge(ask, unjudged.links)
        return unjudged.translated

    def _translated(
        self,
        content: bytes,
        content_type: str,
        source: str,
        uri: str,
        own_url: str,
        key: str,
        into: str,
    ) -> Unjudged:
        """Return a document whose links that return documents are asked at `own_url`, if any."""

        def rewrite(link: Link) -> str:
            return address_of(link, own_url, key) if own_url and key else link.url

        document = read(content, content_type, source, self.policy)
        document, links = rewritten(document, uri, rewrite)
        return Unjudged(written_as(document, source, into), links)

    def _form(self, ask: Ask, content: bytes, content_type: str) -> str:
        if len(content) > self.policy.max_bytes:
            detail = f"more than {self.policy.max_bytes} bytes"
            raise BadAnswer(BadAnswerReason.TOO_LARGE, detail)
        if not content.strip():
            raise BadAnswer(BadAnswerReason.EMPTY, "the answer has no content")
        found = form_of(content, content_type)
        wanted = ask.webhook.asking.answer_form if ask.webhook.asking else ""
        # A webhook that says VoxML or TwiML means its XML; its JSON tells itself.
        return (
            wanted if wanted and FORMS[wanted].content_type == FORMS[found].content_type else found
        )

    async def _judge(self, ask: Ask, links: Sequence[Link]) -> None:
        """Raise BadAnswer for the first link that is refused, with the rule that forbids it."""
        urls = list(dict.fromkeys(link.url for link in links))
        judge = partial(self._guard.refusal, https_only=ask.webhook.https_only)
        # The names of several are looked up at the same time; one needs no task of its own.
        several = len(urls) > 1
        rules = await asyncio.gather(*map(judge, urls)) if several else [await judge(urls[0])]
        if not any(rules):
            return
        rule_of = dict(zip(urls, rules, strict=True))
        link = next(link for link in links if rule_of[link.url])
        detail = f"{link.position}: refused by {rule_of[link.url]}"
        raise BadAnswer(BadAnswerReason.BAD_URL, detail)


def _content_type(response: Response) -> str:
    return next((v for name, v in response.headers if name.lower() == "content-type"), "")
