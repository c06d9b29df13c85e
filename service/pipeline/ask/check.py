"""Check of an answer: read, its links judged, and written in the form that the switch reads."""

import asyncio
from functools import partial

from service.answers.errors import BadAnswer, BadAnswerReason
from service.answers.forms import FORMS, Translated, form_of, read, written_as
from service.answers.policy import AnswerPolicy
from service.answers.urls import Link, links, rewritten
from service.domain.delivery import Response
from service.pipeline.ask.follow_up import address_of
from service.pipeline.ask.values import Ask
from service.ports import LinkGuard


class AnswerCheck:
    """Makes a document safe for a switch."""

    def __init__(self, guard: LinkGuard, policy: AnswerPolicy) -> None:
        self._guard = guard
        self.policy = policy

    async def checked(self, ask: Ask, response: Response, uri: str) -> Translated:
        """Return the document of a response that came from `uri`. Raises BadAnswer."""
        return await self.document(ask, response.body, _content_type(response), uri)

    async def document(self, ask: Ask, content: bytes, content_type: str, uri: str) -> Translated:
        """Return a document in the form that the switch reads. Raises BadAnswer."""
        source = self._form(ask, content, content_type)
        document = read(content, content_type, source, self.policy)
        found = list(links(document, uri))
        refused = await self._refused(ask, found) if found else {}

        def rewrite(link: Link) -> str:
            asking = ask.webhook.asking
            if not ask.own_url or asking is None:
                return link.url
            return address_of(link, ask.own_url, asking.key)

        def judge(link: Link) -> str | None:
            return refused.get(link.url)

        if found:
            document = rewritten(document, uri, judge, rewrite)
        return written_as(document, source, ask.question.form)

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

    async def _refused(self, ask: Ask, found: list[Link]) -> dict[str, str]:
        """Return the URLs that may not be used, each with the rule that forbids it."""
        urls = list(dict.fromkeys(link.url for link in found))
        judge = partial(self._guard.refusal, https_only=ask.webhook.https_only)
        # The names of several are looked up at the same time; one needs no task of its own.
        several = len(urls) > 1
        rules = await asyncio.gather(*map(judge, urls)) if several else [await judge(urls[0])]
        return {url: f"refused by {rule}" for url, rule in zip(urls, rules, strict=True) if rule}


def _content_type(response: Response) -> str:
    return next((v for name, v in response.headers if name.lower() == "content-type"), "")
