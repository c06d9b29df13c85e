"""Every setting, with its default, its bounds and its meaning."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le, Len
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, SecretStr, field_validator

from service.answers.policy import AnswerPolicy
from service.dialects.policies import KazooPolicy, VoipbinPolicy
from service.domain.breaker import BreakerPolicy
from service.domain.call_policy import CallPolicy
from service.domain.disable import DisablePolicy
from service.domain.freshness import FreshnessPolicy
from service.domain.pause import PausePolicy
from service.domain.policy import (
    MOST_PARTITIONS,
    CachePolicy,
    EgressPolicy,
    HttpPolicy,
    Network,
    StreamPolicy,
    TlsPolicy,
)
from service.domain.retry import RetryPolicy
from service.observability.logs import LogPolicy
from service.text.keys import named_key

Source = Literal["kazoo", "voipbin"]
"""The name of a dialect."""
ORIGIN = r"^https?://(\*\.)?[A-Za-z0-9.-]+(:[0-9]{1,5})?$"


class Section(BaseModel):
    """A frozen section of the settings; an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class AmqpSettings(Section):
    """The broker, and what Switchhook declares and holds on it."""

    url: SecretStr = SecretStr("amqp://guest:guest@127.0.0.1:5672/")
    """URL of the broker; for a cluster, several URLs separated by blanks, tried in turn."""
    management_url: SecretStr | None = None
    """URL of RabbitMQ's management API, for reading the policies on our queues: AMQP does not
    expose them. Its user needs the tag `management`; without a user it takes that of `amqp.url`."""
    prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,40}$")] = "switchhook"
    """Prefix of the names of our exchange and queues."""
    partitions: Annotated[int, Ge(1), Le(MOST_PARTITIONS)] = 1
    """Queues that share the events by call. More than 1 needs RabbitMQ's consistent hash exchange;
    `deploy/SCALING.md` says how to change the number."""
    prefetch: Annotated[int, Ge(1), Le(2000)] = 200
    """Events processed at a time. Parked events do not count; `window_messages` bounds them."""
    delivery_prefetch: Annotated[int, Ge(1), Le(2000)] = 100
    """Messages with retries processed at a time."""
    window_messages: Annotated[int, Ge(1), Le(100_000)] = 5000
    """Most messages of a queue held unacknowledged, parked ones included. A parked message waits
    for a receiver that hangs, for a confirm of the broker, or for the store."""
    window_bytes: Annotated[int, Ge(1_048_576), Le(4_294_967_296)] = 67_108_864
    """Bytes of the messages held of a queue, above which no further message is parked."""
    sources: Annotated[tuple[Source, ...], Len(1)] = ("kazoo",)
    """The dialects of the switches on this broker."""
    declare_sources: bool = True
    """Declare the switch's exchanges exactly as it does, where the broker permits it."""
    publish_timeout_s: Annotated[float, Gt(0.0), Le(60.0)] = 10.0
    """Seconds without a confirm after which a message is published again."""
    poison_after: Annotated[int, Ge(3), Le(19)] = 5
    """Workers killed by a message before it goes to the rejected queue with reason `poison`."""
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
        """The URLs, one by one."""
        return tuple(self.url.get_secret_value().split())


class MongoSettings(Section):
    """The store."""

    url: SecretStr = SecretStr("mongodb://127.0.0.1:27017/")
    """Connection string of MongoDB; it may name several members of a replica set."""
    database: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,60}$")] = "switchhook"
    """The database that holds the collections."""
    timeout_s: Annotated[float, Gt(0.0), Le(60.0)] = 5.0
    """Seconds after which a request to the store counts as unanswered."""

    @field_validator("url")
    @classmethod
    def _is_mongodb(cls, value: SecretStr) -> SecretStr:
        if not value.get_secret_value().startswith(("mongodb://", "mongodb+srv://")):
            raise ValueError("must begin with mongodb:// or mongodb+srv://")
        return value


class AuthSettings(Section):
    """Tokens that the API accepts besides its own."""

    crossbar_url: str | None = None
    """URL of a Crossbar; the API then accepts its tokens (Kazoo's own) as well."""
    crossbar_cache_s: Annotated[float, Ge(0.0), Le(3600.0)] = 30.0
    """Seconds for which Crossbar's answer about a token is cached."""

    @field_validator("crossbar_url")
    @classmethod
    def _is_http(cls, value: str | None) -> str | None:
        return _http(value)


def _http(url: str | None) -> str | None:
    if url is not None and not url.startswith(("http://", "https://")):
        raise ValueError("must begin with http:// or https://")
    return url


class ApiSettings(Section):
    """Address of the API and the health checks, and limits of the API."""

    host: str = "127.0.0.1"
    """Address to listen on; only this machine unless set otherwise."""
    port: Annotated[int, Ge(1), Le(65_535)] = 8080
    """Port of the API, `/healthz` and `/readyz`."""
    public_url: str | None = None
    """Address at which switches reach the API, such as `https://hooks.example.com`: for addresses
    inside of documents that were asked for over the bus."""
    max_body_bytes: Annotated[int, Ge(1024), Le(16_777_216)] = 1_048_576
    """A larger request is refused."""
    page_size: Annotated[int, Ge(1), Le(1000)] = 50
    """Items of a list in one answer, unless the request sets `page_size`."""
    max_page_size: Annotated[int, Ge(1), Le(10_000)] = 1000
    """Most items of a list in one answer, with `paginate=false` as well."""
    rate_per_s: Annotated[float, Gt(0.0), Le(100_000.0)] = 20.0
    """Sustained requests per second of a token; each worker counts separately."""
    burst: Annotated[int, Ge(1), Le(100_000)] = 100
    """Requests that a token may make at once."""
    header_timeout_s: Annotated[float, Gt(0.0), Le(300.0)] = 10.0
    """Seconds within which the headers of a request must arrive."""
    body_timeout_s: Annotated[float, Gt(0.0), Le(300.0)] = 30.0
    """Seconds within which the body of a request must arrive."""
    idle_timeout_s: Annotated[float, Gt(0.0), Le(3600.0)] = 75.0
    """Seconds until a connection is closed that sends no request, or does not read its answer."""
    max_connections: Annotated[int, Ge(16), Le(100_000)] = 400
    """Most connections of a worker; fewer if its file descriptors do not suffice for them and for
    deliveries. At the limit, a new connection replaces the one that was idle longest."""
    max_connections_per_address: Annotated[int, Ge(1), Le(100_000)] = 100
    """Most connections from one address; those of `trusted_proxies` are not limited."""
    trusted_proxies: tuple[Network, ...] = ()
    """Networks of the proxies in front of the API. The API reads `X-Forwarded-For` or `Forwarded`,
    from the right, for these networks only; otherwise all clients of a proxy share one limit."""
    max_webhooks_per_account: Annotated[int, Ge(1), Le(100_000)] = 1000
    """Webhooks that an account may have."""
    auth: AuthSettings = AuthSettings()
    """Tokens that the API accepts."""

    @field_validator("public_url")
    @classmethod
    def _is_http(cls, value: str | None) -> str | None:
        return _http(value)

    streams: StreamPolicy = StreamPolicy()
    """Live streams."""


class ConsoleSettings(Section):
    """The pages for people, on the port of the API."""

    url: str | None = None
    """URL of this service as people reach it, for portal links, as `https://hooks.example.net`;
    without it, links lead to `api.host` and `api.port`."""
    session_hours: Annotated[float, Gt(0.0), Le(720.0)] = 12.0
    """Hours after which a person signs in again. A session ends earlier with its token."""
    portal_link_minutes: Annotated[float, Gt(0.0), Le(1440.0)] = 10.0
    """Minutes for which a portal link opens sessions."""
    frame_ancestors: tuple[Annotated[str, Field(pattern=ORIGIN)], ...] = ()
    """Origins whose pages may show the console in a frame, as `https://portal.example.net`."""

    @field_validator("url")
    @classmethod
    def _is_http(cls, value: str | None) -> str | None:
        return _http(value)


class MetricsSettings(Section):
    """The address that Prometheus scrapes."""

    host: str = "127.0.0.1"
    """Address to listen on; only this machine unless set otherwise."""
    port: Annotated[int, Ge(1), Le(65_535)] = 9108
    """Port of `/metrics`, and of `/places`, which lists the holders of the pool's places."""


class AttemptsSettings(Section):
    """The attempt log."""

    retention_days: Annotated[float, Gt(0.0), Le(3650.0)] = 30.0
    """Days to keep a row; then its whole hour (up to 3), day (up to 93) or month is dropped."""
    record_successes: bool = True
    """Record successful attempts as well."""
    keep_payloads: bool = True
    """Keep the payload of the event, so that an attempt can be replayed."""
    buffer_rows: Annotated[int, Ge(1), Le(1_000_000)] = 10_000
    """Rows buffered while the store is unavailable; then the oldest are dropped and counted."""


class AuditSettings(Section):
    """The audit log: who changed what, and when."""

    retention_days: Annotated[float, Gt(0.0), Le(3650.0)] = 365.0
    """Days after which MongoDB removes an entry."""


class SecretsSettings(Section):
    """Keys that encrypt secrets in the store, and the key of the webhooks' key pairs."""

    keys: SecretStr = SecretStr("")
    """Keys that encrypt secrets, each `name:base64 of 32 bytes`, separated by blanks. The first
    one encrypts, all decrypt; `switchhook secrets new-key` makes one."""
    keys_file: Path | None = None
    """File with the keys, one per line; read if `keys` is empty."""
    signing_key: SecretStr = SecretStr("")
    """Key, in the same form, from which every webhook's own Ed25519 key pair is derived."""

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
        """Return the keys; the first one encrypts."""
        found = _named_keys(self.keys.get_secret_value())
        return found or (_keys_in(self.keys_file) if self.keys_file else [])

    def signing(self) -> bytes | None:
        """Return the key from which key pairs are derived."""
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
    """How the service stops."""

    grace_s: Annotated[float, Ge(0.0), Le(600.0)] = 15.0
    """Seconds to finish messages in flight; the rest goes back to the broker."""


class HealthSettings(Section):
    """When the service counts as stuck."""

    stall_s: Annotated[float, Gt(0.0), Le(3600.0)] = 120.0
    """Seconds without a settled message, while some are held or wait, until `/healthz` fails."""


class TracingSettings(Section):
    """Recording of traces; trace context is passed from the switch to the receivers in any case."""

    otlp_url: str | None = None
    """URL that spans are sent to by OTLP over HTTP, as `http://collector:4318/v1/traces`. Needs
    the packages of `switchhook[otel]`."""
    sample_ratio: Annotated[float, Ge(0.0), Le(1.0)] = 0.1
    """Share of the traces begun by Switchhook that is recorded; for others the switch decides."""

    @field_validator("otlp_url")
    @classmethod
    def _is_http(cls, value: str | None) -> str | None:
        return _http(value)


@dataclass(frozen=True, slots=True)
class Origins:
    """Where the values of keys came from; settings with the same values are equal all the same."""

    by_key: dict[str, str] = field(default_factory=dict, compare=False)


class Settings(Section):
    """All settings, frozen."""

    amqp: AmqpSettings = AmqpSettings()
    mongo: MongoSettings = MongoSettings()
    http: HttpPolicy = HttpPolicy()
    retry: RetryPolicy = RetryPolicy()
    freshness: FreshnessPolicy = FreshnessPolicy()
    breaker: BreakerPolicy = BreakerPolicy()
    disable: DisablePolicy = DisablePolicy()
    egress: EgressPolicy = EgressPolicy()
    tls: TlsPolicy = TlsPolicy()
    cache: CachePolicy = CachePolicy()
    kazoo: KazooPolicy = KazooPolicy()
    voipbin: VoipbinPolicy = VoipbinPolicy()
    api: ApiSettings = ApiSettings()
    console: ConsoleSettings = ConsoleSettings()
    metrics: MetricsSettings = MetricsSettings()
    attempts: AttemptsSettings = AttemptsSettings()
    audit: AuditSettings = AuditSettings()
    answers: AnswerPolicy = AnswerPolicy()
    calls: CallPolicy = CallPolicy()
    pause: PausePolicy = PausePolicy()
    secrets: SecretsSettings = SecretsSettings()
    shutdown: ShutdownSettings = ShutdownSettings()
    health: HealthSettings = HealthSettings()
    tracing: TracingSettings = TracingSettings()
    log: LogPolicy = LogPolicy()
    _origins: Origins = PrivateAttr(default_factory=Origins)

    def note_origins(self, origins: Mapping[str, str]) -> None:
        """Remember where the values of keys came from."""
        self._origins.by_key.update(origins)

    def origin_of(self, key: str) -> str:
        """Return the file or variable that sets a key, or `default`."""
        return self._origins.by_key.get(key) or "default"

    @property
    def console_url(self) -> str:
        """The URL that portal links begin with."""
        return (self.console.url or f"http://{self.api.host}:{self.api.port}").rstrip("/")

    @property
    def own_ports(self) -> frozenset[int]:
        """The ports that the service itself listens on."""
        return frozenset({self.api.port, self.metrics.port})


def setting_keys() -> list[str]:
    """Return every key, as `section.key` or `section.subsection.key`."""
    return [f"{section}.{key}" for section, key, _ in settings_in(Settings().model_dump())]


def settings_in(values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str, Any]]:
    """Yield section, key and value of every setting; a section may hold another."""
    for name, value in values.items():
        if isinstance(value, dict):
            yield from settings_in(value, f"{above}.{name}" if above else name)
        else:
            yield above, name, value
