from ipaddress import ip_network
from pathlib import Path

import pytest

from service.dialects.kazoo.policy import RESERVED_CCV_KEYS
from service.domain.policy import (
    CachePolicy,
    ClientCertificate,
    EgressPolicy,
    HttpPolicy,
    TlsPolicy,
)
from service.domain.retry import RetryPolicy
from service.settings.load import load_settings
from service.settings.model import Settings

Environment = dict[str, str]

PASSWORD = "s3cret"


def written(folder: Path, yaml: str) -> str:
    path = folder / "settings.yaml"
    path.write_text(yaml, "utf-8")
    return str(path)


def test_without_a_word_from_anybody_the_defaults_count() -> None:
    settings = load_settings(None, {})
    assert settings == Settings()
    assert settings.amqp.urls == ("amqp://guest:guest@127.0.0.1:5672/",)
    assert settings.amqp.prefix == "switchhook"
    assert settings.mongo.database == "switchhook"
    assert settings.http == HttpPolicy()
    assert settings.retry == RetryPolicy((1.0, 5.0, 30.0, 120.0, 600.0, 3600.0), 0.2)
    assert settings.egress == EgressPolicy((), (), require_https=False)
    assert settings.cache == CachePolicy()
    assert (settings.api.port, settings.metrics.port) == (8080, 9108)
    assert settings.kazoo.reserved_ccv_keys == RESERVED_CCV_KEYS
    assert len(RESERVED_CCV_KEYS) == 24


def test_variables_of_others_do_not_concern_us() -> None:
    assert load_settings(None, {"PATH": "/bin", "switchhook_x": "1"}) == Settings()


@pytest.mark.parametrize("yaml", ["", "# nothing\n", "{}\n", "---\n"])
def test_an_empty_file_changes_nothing(yaml: str, tmp_path: Path) -> None:
    assert load_settings(written(tmp_path, yaml), {}) == Settings()


def test_a_file_overrides_the_defaults_it_names(tmp_path: Path) -> None:
    yaml = """
        http: {per_endpoint_limit: 7}
        retry: {schedule: [0.1, 0.5], jitter: 0}
        egress: {allow: [10.0.0.0/8, "fd00::/8"]}
        kazoo: {reserved_ccv_keys: null, cluster_id: abc}
        amqp: {url: "amqp://a/ amqps://b/"}
    """
    settings = load_settings(written(tmp_path, yaml), {})
    assert settings.http == HttpPolicy(per_endpoint_limit=7)
    assert settings.retry == RetryPolicy((0.1, 0.5), 0.0)
    assert settings.egress.allow == (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))
    assert settings.kazoo.reserved_ccv_keys is None
    assert settings.kazoo.cluster_id == "abc"
    assert settings.amqp.urls == ("amqp://a/", "amqps://b/")
    assert settings.mongo == Settings().mongo


def test_the_environment_overrides_the_file_key_by_key(tmp_path: Path) -> None:
    path = written(tmp_path, "api: {port: 1000, host: 10.0.0.1}")
    settings = load_settings(path, {"SWITCHHOOK_API__PORT": "2000"})
    assert (settings.api.port, settings.api.host) == (2000, "10.0.0.1")


def test_the_environment_may_name_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, "api: {port: 1000}")
    assert load_settings(None, {"SWITCHHOOK_CONFIG": path}).api.port == 1000


def test_the_command_line_names_the_file_that_counts(tmp_path: Path) -> None:
    path = written(tmp_path, "api: {port: 1000}")
    assert load_settings(path, {"SWITCHHOOK_CONFIG": "/nowhere"}).api.port == 1000


def test_the_environment_holds_plain_text_and_json() -> None:
    settings = load_settings(
        None,
        {
            "SWITCHHOOK_RETRY__SCHEDULE": "[0.1, 1]",
            "SWITCHHOOK_EGRESS__ALLOW": '["127.0.0.0/8"]',
            "SWITCHHOOK_EGRESS__REQUIRE_HTTPS": "true",
            "SWITCHHOOK_KAZOO__RESERVED_CCV_KEYS": "null",
            "SWITCHHOOK_KAZOO__CLUSTER_ID": "17",
            "SWITCHHOOK_HTTP__TOTAL_TIMEOUT_S": "2.5",
            "SWITCHHOOK_AMQP__URL": "amqps://user:pass@broker/",
        },
    )
    assert settings.retry.schedule == (0.1, 1.0)
    assert settings.egress == EgressPolicy((ip_network("127.0.0.0/8"),), (), require_https=True)
    assert settings.kazoo.reserved_ccv_keys is None
    assert settings.kazoo.cluster_id == "17"
    assert settings.http.total_timeout_s == 2.5
    assert settings.amqp.urls == ("amqps://user:pass@broker/",)


def test_egress_and_tls_are_set_like_everything_else() -> None:
    certificate = '[{"account_id": "a", "cert_file": "/a.pem", "key_file": "/a.key"}]'
    settings = load_settings(
        None,
        {
            "SWITCHHOOK_EGRESS__PORTS": "[443, 8443]",
            "SWITCHHOOK_EGRESS__DENY_PORTS": "[]",
            "SWITCHHOOK_EGRESS__ALLOW_NAMES": '["crm.corp"]',
            "SWITCHHOOK_TLS__CA_FILE": "/ca.pem",
            "SWITCHHOOK_TLS__CLIENT_CERTIFICATES": certificate,
        },
    )
    assert settings.egress.ports == (443, 8443)
    assert settings.egress.deny_ports == ()
    assert settings.egress.allow_names == ("crm.corp",)
    shown = ClientCertificate("a", Path("/a.pem"), Path("/a.key"))
    assert settings.tls == TlsPolicy(Path("/ca.pem"), (shown,))
    assert settings.own_ports == {8080, 9108}


def test_printing_the_settings_shows_no_password() -> None:
    settings = load_settings(None, {"SWITCHHOOK_AMQP__URL": f"amqp://u:{PASSWORD}@broker/"})
    assert PASSWORD not in repr(settings)
    assert settings.amqp.urls == (f"amqp://u:{PASSWORD}@broker/",)
