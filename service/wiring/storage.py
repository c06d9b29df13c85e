"""The parts around MongoDB: store, accounts in memory, attempt log."""

from dataclasses import dataclass

from service.adapters.mongo.bucket_upkeep import BucketUpkeep
from service.adapters.mongo.logs import MongoAttemptLog
from service.adapters.mongo.store import Client, Store
from service.adapters.mongo.webhooks import MongoWebhooks
from service.adapters.secret_box import SecretBox
from service.dialects.dialect import Dialects
from service.documents.buckets import span_for
from service.observability.metrics import Metrics
from service.pipeline.accounts.directory import RememberedDirectory
from service.pipeline.outcomes.attempt_writer import AttemptWriter
from service.settings.model import Settings
from service.wiring.parts import database_of, mongo_client_of, secret_box_of


@dataclass(frozen=True, slots=True)
class Storage:
    """The parts around the store. `client` writes attempts and watches for changes."""

    store: Store
    client: Client
    secret_box: SecretBox
    directory: RememberedDirectory
    attempt_writer: AttemptWriter
    upkeep: BucketUpkeep


def storage_of(settings: Settings, dialects: Dialects, metrics: Metrics) -> Storage:
    """Return the parts, connected when first used."""
    store, client = Store(database_of(settings), metrics), mongo_client_of(settings)
    secret_box = secret_box_of(settings)
    webhooks = MongoWebhooks(
        store, client, secret_box, dialects.default_source, dialects.catalogued
    )
    directory = RememberedDirectory(webhooks, settings.cache, metrics)
    attempts = settings.attempts
    upkeep, span = BucketUpkeep(store, attempts.retention_days), span_for(attempts.retention_days)
    attempt_log = MongoAttemptLog(store, client, upkeep, span, keep_payloads=attempts.keep_payloads)
    attempt_writer = AttemptWriter(
        attempt_log, metrics, attempts.buffer_rows, record_successes=attempts.record_successes
    )
    return Storage(store, client, secret_box, directory, attempt_writer, upkeep)
