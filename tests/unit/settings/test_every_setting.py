"""Every setting, with a value that nobody would choose, arrives at the parts that need it."""

from base64 import b64encode
from ipaddress import ip_network
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from service.settings.model import Settings, setting_keys
from tests.certificates import Authority
from tests.unit.settings.places import (
    Place,
    application_of,
    at,
    authority_of,
    checked,
    enabled_dialects,
    file_of_keys,
    hours,
    key,
    lane,
    offered_types,
    one,
    parts_of,
    pooled,
    routes_in,
    seeds,
    server,
    shown_by,
    taps_of,
    tokens_of,
)
from tests.unit.settings.whole import Whole, whole_of

http = parts_of(("HttpSender", "_policy"), ("SessionWay", "_policy"))
retry = parts_of(("Deliverer", "policy"))
freshness = parts_of(("Deliverer", "freshness"), ("HookHandlers", "freshness"))
breaker = parts_of(("Endpoints", "_policy"))
disable = parts_of(("Disabler", "_policy"), ("Webhooks", "disable_policy"))
egress = parts_of(("EgressGuard", "policy"))
cache = parts_of(("RememberedDirectory", "_policy"))

ODD: dict[str, tuple[Any, tuple[Place, ...]]] = {
    "amqp.url": (
        "amqp://odd:pw@a.example/v amqp://odd:pw@b.example/v",
        (
            at("Link", "_urls", " ".join),
            one(lambda whole: " ".join(call[0] for call in whole.said["examine_broker"])),
            checked("examine_policies", 0, lambda to: f"{to.amqp_url} amqp://odd:pw@b.example/v"),
        ),
    ),
    "amqp.management_url": (
        "http://odd.example:15672",
        (checked("examine_policies", 0, attrgetter("url")),),
    ),
    "amqp.prefix": (
        "odd-prefix",
        (
            at("Names", "prefix"),
            at("Link", "_needed.configure", lambda ours: ours.strip("^").partition("(")[0]),
            at("Subscription", "queue", lambda queue: queue.rpartition(".")[0]),
            at("Bindings", "_queue", lambda queue: queue.rpartition(".")[0]),
            checked("examine_broker", 2, attrgetter("names.prefix")),
            checked("examine_policies", 1, attrgetter("prefix")),
        ),
    ),
    "amqp.partitions": (7, (at("Partitions", "count"),)),
    "amqp.prefetch": (
        211,
        (
            lane("events", "_window.in_progress"),
            at("EventLane", "whole.prefetch"),
        ),
    ),
    "amqp.delivery_prefetch": (
        113,
        (
            lane("deliveries", "_window.in_progress"),
            one(lambda whole: whole.service.broker.consumer._subscriptions[0].prefetch),
        ),
    ),
    "amqp.window_messages": (4999, (at("Window", "most_messages"),)),
    "amqp.window_bytes": (2_000_003, (at("Window", "most_bytes"),)),
    "amqp.sources": (("kazoo", "voipbin"), (one(enabled_dialects),)),
    "amqp.declare_sources": (False, (at("Bindings", "_may_declare"),)),
    "amqp.publish_timeout_s": (9.25, (at("Publisher", "_timeout_s"),)),
    "amqp.poison_after": (7, (at("Suspects", "_poison_after"),)),
    "amqp.max_message_bytes": (70_001, (at("KazooDecoder", "_max_bytes"),)),
    "mongo.url": (
        "mongodb://odd.example:27117/",
        (
            one(lambda whole: seeds(whole.service.storage.store.database.client.delegate)),
            one(lambda whole: seeds(whole.service.storage.client)),
            checked("examine_store", 0, lambda database: seeds(database.client.delegate)),
        ),
    ),
    "mongo.database": (
        "odd-database",
        (
            at("Store", "database.name"),
            at("Watch", "_database.name"),
            at("MongoAttemptLog", "_database.name"),
            checked("examine_store", 0, attrgetter("name")),
        ),
    ),
    "mongo.timeout_s": (
        4.5,
        (
            one(lambda whole: whole.service.storage.store.database.client.delegate.options.timeout),
            one(lambda whole: whole.service.storage.client.options.timeout),
            checked("examine_store", 0, attrgetter("client.delegate.options.timeout")),
        ),
    ),
    "http.pool_limit": (
        20,
        (
            *http("pool_limit"),
            at("TCPConnector", "limit"),
            one(lambda whole: pooled(whole, "events") + pooled(whole, "deliveries")),
            one(lambda whole: whole.service.metrics.pool_limit._value.get()),
        ),
    ),
    "http.per_endpoint_limit": (49, (at("Endpoints", "_most_in_flight"),)),
    "http.retry_share": (0.4, (one(lambda whole: pooled(whole, "deliveries") / 20),)),
    "http.longest_wait_s": (0.75, (at("Places", "_longest_wait_s"),)),
    "http.connect_timeout_s": (2.5, http("connect_timeout_s")),
    "http.total_timeout_s": (4.75, http("total_timeout_s")),
    "http.response_body_bytes": (16_001, http("response_body_bytes")),
    "http.response_header_bytes": (
        65_001,
        (*http("response_header_bytes"), at("ClientSession", "_max_line_size")),
    ),
    "retry.schedule": ((0.5, 4.0, 29.0), retry("schedule")),
    "retry.jitter": (0.25, retry("jitter")),
    "retry.max_deferrals": (31, retry("max_deferrals")),
    "freshness.live_s": (119.0, freshness("live_s")),
    "freshness.state_s": (899.0, freshness("state_s")),
    "freshness.clock_skew_s": (6.0, freshness("clock_skew_s")),
    "breaker.failure_count": (11, breaker("failure_count")),
    "breaker.open_s": (5.5, breaker("open_s")),
    "breaker.max_open_s": (119.0, breaker("max_open_s")),
    "disable.failure_count": (8, disable("failure_count")),
    "disable.window_s": (61.0, disable("window_s")),
    "egress.allow": ((ip_network("10.9.0.0/16"),), egress("allow")),
    "egress.deny": ((ip_network("198.18.9.0/24"),), egress("deny")),
    "egress.https_for_new_accounts": (True, (at("Webhooks", "https_for_new_accounts"),)),
    "egress.require_https": (True, egress("require_https")),
    "egress.allow_names": (("odd.corp",), egress("allow_names")),
    "egress.ports": ((443, 8444), egress("ports")),
    "egress.deny_ports": ((8445,), egress("deny_ports")),
    "tls.ca_file": (
        Path("ca.pem"),
        (one(authority_of), checked("examine_tls", 0, attrgetter("ca_file"))),
    ),
    "tls.client_certificates": (
        [{"account_id": "odd", "cert_file": "cert.pem", "key_file": "key.pem"}],
        (one(shown_by), checked("examine_tls", 0, attrgetter("client_certificates"))),
    ),
    "cache.max_accounts": (99_999, cache("max_accounts")),
    "cache.max_bytes": (2_000_001, cache("max_bytes")),
    "cache.max_age_s": (59.0, cache("max_age_s")),
    "cache.poll_interval_s": (2.25, (at("Watch", "_poll_interval_s"),)),
    "kazoo.cluster_id": (
        "odd-cluster",
        (at("KazooRequests", "cluster_id"),),
    ),
    "kazoo.reserved_ccv_keys": (("Odd-Key",), (at("ChannelDecoder", "_reserved", tuple),)),
    "kazoo.object_types": (("oddity",), (one(offered_types),)),
    "kazoo.forward_secrets": (True, (at("NotificationDecoder", "_forward_secrets"),)),
    "kazoo.sms_routes": (
        ("onnet",),
        (
            at("MessageDecoder", "_routes", tuple),
            at("Bindings", "_bindings", routes_in),
            checked("examine_broker", 2, lambda found: routes_in(found.bindings)),
        ),
    ),
    "kazoo.answer_pivot_requests": ("targeted", (at("PivotRequests", "documents_by"),)),
    "voipbin.taps": (
        ("fanout",),
        (one(lambda whole: taps_of(whole.service.dialects.by_name["voipbin"])),),
    ),
    "voipbin.require_https": (False, (at("VoipbinWebhooks", "_require_https"),)),
    "voipbin.api_url": (
        "https://odd.example/v1.0",
        (at("VoipbinQuestion", "_url", lambda url: url.removesuffix("/customer")),),
    ),
    "voipbin.api_cache_s": (27.25, (tokens_of("VoIPBIN's API"),)),
    "voipbin.forward_secrets": (True, (at("VoipbinDecoder", "_with_secrets"),)),
    "api.host": ("odd.example", (server(0, 1),)),
    "api.port": (8888, (server(0, 2), at("EgressGuard", "own_ports", min))),
    "api.max_body_bytes": (1_000_001, (one(lambda all_: application_of(all_)._client_max_size),)),
    "api.page_size": (51, (at("Pages", "default"),)),
    "api.max_page_size": (999, (at("Pages", "most"),)),
    "api.rate_per_s": (19.5, (at("RateLimit", "_rate_per_s"),)),
    "api.burst": (98, (at("RateLimit", "burst"),)),
    "api.public_url": ("https://odd.example/hooks", (at("BusAsks", "public_url"),)),
    "api.header_timeout_s": (9.5, (at("ConnectionLimits", "header_timeout_s"),)),
    "api.body_timeout_s": (
        29.5,
        (at("Route", "body_timeout_s"), at("Console", "body_timeout_s")),
    ),
    "api.idle_timeout_s": (74.5, (at("ConnectionLimits", "idle_timeout_s"),)),
    "api.max_connections": (33, (at("ConnectionLimits", "most"),)),
    "api.max_connections_per_address": (97, (at("ConnectionLimits", "most_per_address"),)),
    "api.trusted_proxies": ((ip_network("10.8.0.0/16"),), (at("Clients", "proxies"),)),
    "api.max_webhooks_per_account": (996, (at("Webhooks", "most_per_account"),)),
    "api.streams.max": (99, (at("LiveHub", "_policy.max"),)),
    "api.streams.max_per_account": (9, (at("LiveHub", "_policy.max_per_account"),)),
    "api.streams.buffer_bytes": (65_537, (at("StreamHandlers", "policy.buffer_bytes"),)),
    "api.streams.rate_per_s": (
        99.5,
        (at("StreamHandlers", "policy.rate_per_s"), at("LiveFeed", "_rate_per_s")),
    ),
    "api.streams.heartbeat_s": (14.5, (at("StreamHandlers", "policy.heartbeat_s"),)),
    "api.auth.crossbar_url": (
        "http://odd.example:8000",
        (at("CrossbarQuestion", "_url", lambda url: url.removesuffix("/v2/token_auth")),),
    ),
    "api.auth.crossbar_cache_s": (28.5, (tokens_of("Crossbar"),)),
    "console.url": ("https://odd.example", (at("PortalHandlers", "base_url"),)),
    "console.session_hours": (
        11.5,
        (
            at("Sessions", "lifetime", hours),
            at("Console", "session_lifetime", hours),
        ),
    ),
    "console.portal_link_minutes": (
        9.5,
        (at("Sessions", "link_lifetime", lambda span: 60 * hours(span)),),
    ),
    "console.frame_ancestors": (("https://odd.example",), (at("Console", "frame_ancestors"),)),
    "metrics.host": ("numbers.example", (server(1, 1),)),
    "metrics.port": (9999, (server(1, 2), at("EgressGuard", "own_ports", max))),
    "answers.max_bytes": (65_001, (at("AnswerCheck", "policy.max_bytes"),)),
    "answers.max_depth": (15, (at("AnswerCheck", "policy.max_depth"),)),
    "answers.max_verbs": (97, (at("AnswerCheck", "policy.max_verbs"),)),
    "calls.early_ms": (501, (at("CallFollower", "policy.early_ms"),)),
    "calls.most_waiting": (99, (at("Ordering", "_most_waiting"),)),
    "pause.most_kept": (99_999, (at("Resuming", "_policy.most_kept"),)),
    "pause.kept_s": (604_801.0, (at("Resuming", "_policy.kept_s"),)),
    "pause.resume_per_s": (49.0, (at("Resuming", "_policy.resume_per_s"),)),
    "calls.settle_s": (3.5, (at("CallFollower", "policy.settle_s"),)),
    "calls.latest_summary_s": (61.0, (at("CallFollower", "policy.latest_summary_s"),)),
    "calls.watchdog": (False, (at("CallWatchdog", "_policy.watchdog"),)),
    "calls.quiet_unanswered_s": (301.0, (at("CallWatchdog", "_policy.quiet_unanswered_s"),)),
    "calls.quiet_answered_s": (
        7201.0,
        (
            at("CallWatchdog", "_policy.quiet_answered_s"),
            at("MongoConversations", "_kept_s", lambda kept_s: kept_s - 86_400),
        ),
    ),
    "calls.ask_again_s": (31.0, (at("CallWatchdog", "_policy.ask_again_s"),)),
    "calls.recount_after_s": (21.0, (at("Recount", "_policy.recount_after_s"),)),
    "attempts.retention_days": (27.5, (one(lambda whole: whole.said["retention_days"]),)),
    "attempts.record_successes": (False, (at("AttemptWriter", "_record_successes"),)),
    "attempts.keep_payloads": (False, (at("MongoAttemptLog", "_keep_payloads"),)),
    "attempts.buffer_rows": (9_998, (at("AttemptWriter", "_capacity"),)),
    "audit.retention_days": (99.5, (one(lambda whole: whole.said["audit_days"]),)),
    "secrets.keys": (
        f"{key('odd')} {key('older')}",
        (
            at("SecretBox", "_keys", lambda keys: " ".join(key(name) for name in keys)),
            checked("examine_store", 1, lambda v: " ".join(key(name) for name in v._keys)),
        ),
    ),
    "secrets.keys_file": (Path("keys"), (one(file_of_keys),)),
    "secrets.signing_key": (
        key("sign"),
        (at("SecretBox", "_signing_key", lambda found: f"sign:{b64encode(found).decode()}"),),
    ),
    "shutdown.grace_s": (11.5, (one(lambda whole: round(whole.said["grace_s"], 1)),)),
    "health.stall_s": (
        20.0,
        (
            one(lambda whole: whole.said["stall_s"]),
            at("Consumer", "_look_every_s", lambda look_s: 4 * look_s),
        ),
    ),
    "tracing.otlp_url": (
        "http://odd.example:4318/v1/traces",
        (at("OTLPSpanExporter", "_endpoint"),),
    ),
    "tracing.sample_ratio": (0.35, (at("TraceIdRatioBased", "rate"),)),
    "log.level": ("error", (lambda whole: [log.level for log in whole.said["log"]],)),
    "log.format": ("console", (lambda whole: [log.format for log in whole.said["log"]],)),
}
"""Of each key an odd value, and where it must be found."""


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Return settings of which every one is odd."""
    directory = tmp_path_factory.mktemp("odd")
    values: dict[str, Any] = {}
    for name, (value, _) in ODD.items():
        *sections, key_ = name.split(".")
        within = values
        for section in sections:
            within = within.setdefault(section, {})
        within[key_] = value
    (directory / "keys").write_text(key("filed"), "ascii")
    authority = Authority(directory / "authority")
    signed = authority.sign("DNS:odd.example")
    values["secrets"]["keys_file"] = directory / "keys"
    values["tls"]["ca_file"] = authority.own.cert_file
    values["tls"]["client_certificates"] = [
        {"account_id": "odd", "cert_file": signed.cert_file, "key_file": signed.key_file}
    ]
    return Settings.model_validate(values)


@pytest.fixture(scope="module")
def whole(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    return whole_of(settings, tmp_path_factory.mktemp("whole"))


def value_of(settings: Settings, name: str) -> Any:
    value = attrgetter(name)(settings)
    return value.get_secret_value() if isinstance(value, SecretStr) else value


def test_every_setting_has_a_row() -> None:
    assert ODD.keys() == set(setting_keys())
    assert all(places for _, places in ODD.values())


@pytest.mark.parametrize("name", ODD)
def test_a_value_is_odd(name: str, settings: Settings) -> None:
    assert value_of(settings, name) != value_of(Settings(), name)


@pytest.mark.parametrize("name", ODD)
def test_a_setting_arrives_where_it_belongs(name: str, settings: Settings, whole: Whole) -> None:
    _, places = ODD[name]
    found = [place(whole) for place in places]
    assert all(found)
    wanted = value_of(settings, name)
    assert found == [len(values) * [wanted] for values in found]


def test_what_follows_from_several_settings_arrives_as_well(
    settings: Settings, whole: Whole
) -> None:
    tiers_ms = settings.retry.tiers_ms
    (upkeep,), (disabler,) = whole.named("Upkeep"), whole.named("Disabler")
    assert upkeep._tiers_ms == tiers_ms
    assert disabler._honoured_s == tiers_ms[-1] / 1000
    assert [call[1] for call in whole.said["examine_broker"]] == 2 * [tiers_ms]
    assert [call[2] for call in whole.said["examine_policies"]] == [tiers_ms]
    assert pooled(whole, "events") == 12
    (webhooks,) = whole.named("Webhooks")
    assert webhooks.makes_key_pairs


def test_both_servers_of_the_api_bear_the_same_connections(whole: Whole) -> None:
    alone, among = whole.servers[0][-1], whole.servers[-1][-1]
    assert alone.limits == among.limits
