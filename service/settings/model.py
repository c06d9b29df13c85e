"""Every setting there is, with its default, its bounds and what it is for."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le, Len
from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from service.dialects.policies import KazooPolicy, VoipbinPolicy
from service.domain.breaker import BreakerPolicy
from service.domain.disable import DisablePolicy
from service.domain.policy import CachePolicy, EgressPolicy, HttpPolicy, Network, TlsPolicy
from service.domain.retry import RetryPolicy
from service.observability.logs import LogPolicy
from service.text.keys import named_key


class Section(BaseModel):
    """Settings are frozen, and a key that does not exist is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class AmqpSettings(Section):
    """The broker, and our place on it."""

    url: SecretStr = SecretStr("amqp://guest:guest@127.0.0.1:5672/")
    """Address of the broker; several of a cluster, separated by blanks, are tried in turn."""
    management_url: SecretStr | None = None
    """Address of RabbitMQ's management API, to look at the policies on our queues: AMQP does not
    tell them. Its user needs the tag `management`; where none is named it is that of `amqp.url`."""
    prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,40}$")] = "switchhook"
    """What the names of our exchange and queues begin with."""
    prefetch: Annotated[int, Ge(1), Le(2000)] = 200
    """Events worked on at a time. Those that cannot be settled now do not count: see below."""
    delivery_prefetch: Annotated[int, Ge(1), Le(2000)] = 100
    """Messages with retries worked on at a time."""
    window_messages: Annotated[int, Ge(1), Le(100_000)] = 5000
    """Messages of a queue held unacknowledged at most, parked ones included: those that wait for a
    receiver that hangs, for the broker to confirm, or for the store."""
    window_bytes: Annotated[int, Ge(1_048_576), Le(4_294_967_296)] = 67_108_864
    """Bytes in the messages of a queue that are held, beyond which no more are parked."""
    sources: Annotated[tuple[Literal["kazoo", "voipbin"], ...], Len(1)] = ("kazoo",)
    """The dialects of the switches on this broker."""
    declare_sources: bool = True
    """Declare the switch's exchanges exactly as it does, where the broker permits it."""
    publish_timeout_s: Annotated[float, Gt(0.0), Le(60.0)] = 10.0
    """Seconds until a message that was not confirmed is published again."""
    poison_after: Annotated[int, Ge(3), Le(19)] = 5
    """Workers that die of a message until it is moved to the rejected queue, as poison."""
    max_message_bytes: Annotated[int, Ge(1024), Le(16_777_216)] = 1_048_576
    """Larger messages are rejected; for gzip this is the unpacked size."""

    @field_validator("url")
    @classmethod
    def _is_amqp(cls, value: SecretStr) -> SecretStr:
        urls = value.get_secret_value().split()
        if not urls or not all(url.startswith(("amqp://", "amqps://")) for url in urls):
            raise ValueError("must begin with amqp:// or amqps://")
        return value

    @field_validator("management_url")
    @classmethod
    def _is_http(cls, value: SecretStr | None) -> SecretStr | None:
        _http(None if value is None else value.get_secret_value())
        return value

    @property
    def urls(self) -> tuple[str, ...]:
        """The addresses one by one."""
        return tuple(self.url.get_secret_value().split())


class MongoSettings(Section):
    """The store."""

    url: SecretStr = SecretStr("mongodb://127.0.0.1:27017/")
    """Address of MongoDB; several members of a replica set as MongoDB writes them."""
    database: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,60}$")] = "switchhook"
    """The database that holds the collections."""
    timeout_s: Annotated[float, Gt(0.0), Le(60.0)] = 5.0
    """Seconds until a question to the store counts as unanswered."""

    @field_validator("url")
    @classmethod
    def _is_mongodb(cls, value: SecretStr) -> SecretStr:
        if not value.get_secret_value().startswith(("mongodb://", "mongodb+srv://")):
            raise ValueError("must begin with mongodb:// or mongodb+srv://")
        return value


class AuthSettings(Section):
    """Whose tokens the API takes, beside its own."""

    crossbar_url: str | None = None
    """Address of a Crossbar whose tokens are taken as well: Kazoo's own."""
    crossbar_cache_s: Annotated[float, Ge(0.0), Le(3600.0)] = 30.0
    """Seconds that Crossbar's word on a token counts for."""

    @field_validator("crossbar_url")
    @classmethod
    def _is_http(cls, value: str | None) -> str | None:
        return _http(value)


def _http(url: str | None) -> str | None:
    if url is not None and not url.startswith(("http://", "https://")):
        raise ValueError("must begin with http:// or https://")
    return url


class ApiSettings(Section):
    """Where the API and the health checks listen, and what the API bears."""

    host: str = "127.0.0.1"
    """Address to listen on; only this machine unless set otherwise."""
    port: Annotated[int, Ge(1), Le(65_535)] = 8080
    """Port of the API, `/healthz` and `/readyz`."""
    max_body_bytes: Annotated[int, Ge(1024), Le(16_777_216)] = 1_048_576
    """A larger request is refused."""
    page_size: Annotated[int, Ge(1), Le(1000)] = 50
    """Items of a list in one answer, where the request does not say."""
    max_page_size: Annotated[int, Ge(1), Le(10_000)] = 1000
    """Items of a list in one answer at most, `paginate=false` included."""
    rate_per_s: Annotated[float, Gt(0.0), Le(100_000.0)] = 20.0
    """Requests a second that a token may make in the long run; each worker counts by itself."""
    burst: Annotated[int, Ge(1), Le(100_000)] = 100
    """Requests that a token may make at once."""
    header_timeout_s: Annotated[float, Gt(0.0), Le(300.0)] = 10.0
    """Seconds until the headers of a request must be there."""
    body_timeout_s: Annotated[float, Gt(0.0), Le(300.0)] = 30.0
    """Seconds until the body of a request must be there."""
    idle_timeout_s: Annotated[float, Gt(0.0), Le(3600.0)] = 75.0
    """Seconds until a connection is closed that asks nothing, or does not take its answer."""
    max_connections: Annotated[int, Ge(16), Le(100_000)] = 400
    """Connections that a worker bears at most; fewer where its descriptors do not suffice for
    them and for deliveries. Beyond it, the one that was idle longest is closed for a new one."""
    max_connections_per_address: Annotated[int, Ge(1), Le(100_000)] = 100
    """Connections from one address at most; those of `trusted_proxies` are not bounded."""
    trusted_proxies: tuple[Network, ...] = ()
    """Networks of the proxies in front of the API. Only their `X-Forwarded-For` or `Forwarded`
    counts, read from the right; without them all clients of a proxy share one limit."""
    max_webhooks_per_account: Annotated[int, Ge(1), Le(100_000)] = 1000
    """Webhooks that an account may have."""
    auth: AuthSettings = AuthSettings()
    """Whose tokens are taken."""


class MetricsSettings(Section):
    """Where Prometheus scrapes."""

    host: str = "127.0.0.1"
    """Address to listen on; only this machine unless set otherwise."""
    port: Annotated[int, Ge(1), Le(65_535)] = 9108
    """Port of `/metrics`."""


class AttemptsSettings(Section):
    """The attempt log."""

    retention_days: Annotated[float, Gt(0.0), Le(3650.0)] = 30.0
    """Days until a row is removed by MongoDB."""
    record_successes: bool = True
    """Keep a row of attempts that succeeded, too."""
    keep_payloads: bool = True
    """Keep what the event told, so that an attempt can be replayed."""
    buffer_rows: Annotated[int, Ge(1), Le(1_000_000)] = 10_000
    """Rows held while the store is away; then the oldest are dropped and counted."""


class SecretsSettings(Section):
    """Keys for what is secret in the store."""

    keys: SecretStr = SecretStr("")
    """Keys that secrets are encrypted with, each `name:base64 of 32 bytes`, separated by blanks.
    The first one encrypts, all decrypt; `switchhook secrets new-key` makes one."""
    keys_file: Path | None = None
    """A file with the keys, one per line, instead."""
    signing_key: SecretStr = SecretStr("")
    """Key, in the same form, from which every webhook's own Ed25519 key pair is made."""

    @field_validator("keys", "signing_key")
    @classmethod
    def _are_keys(cls, value: SecretStr) -> SecretStr:
        _named_keys(value.get_secret_value())
        return value

    @field_validator("keys_file")
    @classmethod
    def _holds_keys(cls, value: Path | None) -> Path | None:
        if value is not None and not _keys_in(value):
            raise ValueError("the file holds no key")
        return value

    def named(self) -> list[tuple[str, bytes]]:
        """Return the keys, the one that encrypts first."""
        found = _named_keys(self.keys.get_secret_value())
        return found or (_keys_in(self.keys_file) if self.keys_file else [])

    def signing(self) -> bytes | None:
        """Return the key that key pairs are made of."""
        found = _named_keys(self.signing_key.get_secret_value())
        return found[0][1] if found else None


def _named_keys(text: str) -> list[tuple[str, bytes]]:
    return [named_key(part) for part in text.split()]


def _keys_in(path: Path) -> list[tuple[str, bytes]]:
    try:
        return _named_keys(path.read_text("ascii"))
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"cannot be read: {error}") from None


class ShutdownSettings(Section):
    """Stopping."""

    grace_s: Annotated[float, Ge(0.0), Le(600.0)] = 15.0
    """Seconds to finish what is in flight; the rest goes back to the broker."""


class HealthSettings(Section):
    """When the service counts as stuck."""

    stall_s: Annotated[float, Gt(0.0), Le(3600.0)] = 120.0
    """Seconds without a message settled, while some are held or wait, until `/healthz` fails."""


class TracingSettings(Section):
    """Who records traces; they are passed on from the switch to the receivers in any case."""

    otlp_url: str | None = None
    """Where spans are sent, by OTLP over HTTP: `http://collector:4318/v1/traces`. Needs the
    packages of `switchhook[otel]`."""
    sample_ratio: Annotated[float, Ge(0.0), Le(1.0)] = 0.1
    """The share of the traces that begin here which is recorded; of others the switch decides."""

    @field_validator("otlp_url")
    @classmethod
    def _is_http(cls, value: str | None) -> str | None:
        return _http(value)


class Settings(Section):
    """Everything, frozen."""

    amqp: AmqpSettings = AmqpSettings()
    mongo: MongoSettings = MongoSettings()
    http: HttpPolicy = HttpPolicy()
    retry: RetryPolicy = RetryPolicy()
    breaker: BreakerPolicy = BreakerPolicy()
    disable: DisablePolicy = DisablePolicy()
    egress: EgressPolicy = EgressPolicy()
    tls: TlsPolicy = TlsPolicy()
    cache: CachePolicy = CachePolicy()
    kazoo: KazooPolicy = KazooPolicy()
    voipbin: VoipbinPolicy = VoipbinPolicy()
    api: ApiSettings = ApiSettings()
    metrics: MetricsSettings = MetricsSettings()
    attempts: AttemptsSettings = AttemptsSettings()
    secrets: SecretsSettings = SecretsSettings()
    shutdown: ShutdownSettings = ShutdownSettings()
    health: HealthSettings = HealthSettings()
    tracing: TracingSettings = TracingSettings()
    log: LogPolicy = LogPolicy()

    @property
    def own_ports(self) -> frozenset[int]:
        """The ports that the service itself listens on."""
        return frozenset({self.api.port, self.metrics.port})


def setting_keys() -> list[str]:
    """Return every key there is, as `section.key`, or `section.subsection.key`."""
    return [f"{section}.{key}" for section, key, _ in settings_in(Settings().model_dump())]


def settings_in(values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str, Any]]:
    """Yield section, key and value of every setting; a section may hold another."""
    for name, value in values.items():
        if isinstance(value, dict):
            yield from settings_in(value, f"{above}.{name}" if above else name)
        else:
            yield above, name, value
