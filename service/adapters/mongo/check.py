"""Checks of the store for `switchhook check`: server, privileges, webhooks, secrets."""

from collections.abc import AsyncIterator, Sequence

from pymongo.errors import PyMongoError

from service.adapters.mongo.server import examine_server
from service.adapters.mongo.store import Database, diagnosis_to
from service.adapters.secret_box import SecretBox
from service.documents.webhook import BadDocument, webhook_of
from service.domain.finding import Finding, fine, warning
from service.text.plural import counted

MOST_NAMED = 5


async def examine_store(database: Database, secret_box: SecretBox) -> AsyncIterator[Finding]:
    """Yield findings about the server, its privileges, unusable webhooks and secrets."""
    findings: Sequence[Finding] = ()
    try:
        findings = await examine_server(database)
        for finding in findings:
            yield finding
        if not any(finding.fatal for finding in findings):
            for finding in await _webhooks(database, secret_box):
                yield finding
    except PyMongoError as error:
        yield diagnosis_to(error, database).found("store")


async def _webhooks(database: Database, secret_box: SecretBox) -> list[Finding]:
    good, bad, plain = 0, [], 0
    async for document in database["webhooks"].find():
        try:
            webhook_of(secret_box.opened(document))
            good += 1
            plain += not secret_box.is_current(document)
        except BadDocument as error:
            bad.append(f"{document['_id']}: {error}")
    if bad:
        text = (
            f"{len(bad)} of {counted(good + len(bad), 'webhook')} skipped: "
            f"{'; '.join(bad[:MOST_NAMED])}"
        )
        usable = warning("store", text, "correct the documents")
    else:
        usable = fine("store", f"{counted(good, 'webhook')}, all usable")
    return [usable, _secrets(plain, secret_box)]


def _secrets(plain: int, secret_box: SecretBox) -> Finding:
    """Return whether secrets are encrypted, and with the newest key."""
    if not secret_box.seals:
        text = f"those of {counted(plain, 'webhook')} are not encrypted in the store"
        return warning("secrets", text, "set secrets.keys; switchhook secrets new-key makes one")
    if plain:
        text = f"those of {counted(plain, 'webhook')} are not encrypted with the newest key"
        return warning("secrets", text, "run switchhook secrets rewrap")
    return fine("secrets", "encrypted with the newest key")
