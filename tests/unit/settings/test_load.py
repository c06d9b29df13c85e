from ipaddress import ip_network
from pathlib import Path

import pytest

from service.domain.errors import SettingsError
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
from service.sources.kazoo.policy import RESERVED_CCV_KEYS

Environment = dict[str, str]

PASSWORD = "s3cret"


def problems(
    yaml: str | None = None, environment: Environment | None = None, *, folder: Path
) -> tuple[str, ...]:
    """Return what is wrong; the file's path reads FILE."""
    path = written(folder, yaml) if yaml is not None else None
    with pytest.raises(SettingsError) as error:
        load_settings(path, environment or {})
    return tuple(problem.replace(str(path), "FILE") for problem in error.value.problems)


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


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "none.yaml"
    with pytest.raises(SettingsError) as error:
        load_settings(str(path), {})
    [problem] = error.value.problems
    assert problem.startswith(f"{path}: cannot be read: ")


def test_a_file_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    path = tmp_path / "latin.yaml"
    path.write_bytes(b"api: {host: \xe9}")
    with pytest.raises(SettingsError, match="cannot be read"):
        load_settings(str(path), {})


def test_a_file_that_is_not_yaml_says_where(tmp_path: Path) -> None:
    [problem] = problems("api: {port: 1\nmongo: x", folder=tmp_path)
    assert problem.startswith("FILE: is not YAML: ")
    assert "line 2" in problem


@pytest.mark.parametrize("yaml", ["just text", "- a\n- b", "17"])
def test_a_file_without_sections_is_refused(yaml: str, tmp_path: Path) -> None:
    assert problems(yaml, folder=tmp_path) == ("FILE: must hold sections such as amqp: and mongo:",)


def test_an_unknown_section_is_refused_with_those_there_are(tmp_path: Path) -> None:
    [problem] = problems("ampq: {prefetch: 1}", folder=tmp_path)
    assert problem == (
        "ampq (file FILE): there is no such key; allowed are amqp, api, attempts, breaker, "
        "cache, disable, egress, health, http, kazoo, log, metrics, mongo, retry, secrets, "
        "shutdown, tls, tracing"
    )


@pytest.mark.parametrize(
    ("yaml", "beginning"),
    [
        (
            "metrics: {prot: 1}",
            "metrics.prot (file FILE): there is no such key; allowed are host, port",
        ),
        (
            "log: {levl: info}",
            "log.levl (file FILE): there is no such key; allowed are format, level",
        ),
        ("retry: {jitter: 0.6}", "retry.jitter (file FILE): Input should be less than or equal to"),
        (
            "retry: {schedule: [5, 1]}",
            "retry (file FILE): each delay must be longer than the one before it",
        ),
        ("retry: {schedule: []}", "retry.schedule (file FILE): Tuple should have at least 1 item"),
        ("api: {port: 0}", "api.port (file FILE): Input should be greater than or equal to 1, got"),
        ("api: {port: http}", "api.port (file FILE): Input should be a valid integer, unable to"),
        ("egress: {allow: [10.0.0.1/8]}", "egress.allow (file FILE): "),
        ("amqp: {sources: []}", "amqp.sources (file FILE): Tuple should have at least 1 item"),
        ("amqp: {sources: [asterisk]}", "amqp.sources (file FILE): Input should be 'kazoo', got"),
        ("amqp: {prefix: 'a b'}", "amqp.prefix (file FILE): String should match pattern"),
        ("log: {level: loud}", "log.level (file FILE): Input should be 'debug', 'info', 'warning'"),
        ("http: 5", "http (file FILE): "),
        ("egress: {ports: [0]}", "egress.ports (file FILE): Input should be greater than or equal"),
        ("tls: {ca: x}", "tls.ca (file FILE): there is no such key; allowed are ca_file, client_"),
        ("amqp: {url: 'http://broker/'}", "amqp.url (file FILE): must begin with amqp:// or amqps"),
        ("amqp: {url: ''}", "amqp.url (file FILE): must begin with amqp:// or amqps://"),
        ("mongo: {url: 'mysql://db/'}", "mongo.url (file FILE): must begin with mongodb:// or"),
    ],
)
def test_a_bad_value_names_its_key_its_origin_and_what_is_allowed(
    yaml: str, beginning: str, tmp_path: Path
) -> None:
    found = problems(yaml, folder=tmp_path)
    assert found[0].startswith(beginning)


def test_a_bad_value_is_shown_but_not_at_any_length(tmp_path: Path) -> None:
    [short] = problems("api: {port: 70000}", folder=tmp_path)
    assert short.endswith(", got 70000")
    [long] = problems(f"api: {{port: {'x' * 200}}}", folder=tmp_path)
    assert long.endswith("xxx...")
    assert len(long) < 250


@pytest.mark.parametrize(
    ("variable", "value", "beginning"),
    [
        (
            "SWITCHHOOK_AMQP__PREFETCHH",
            "1",
            "amqp.prefetchh (variable SWITCHHOOK_AMQP__PREFETCHH): there is no such key; allowed",
        ),
        (
            "SWITCHHOOK_AMPQ__URL",
            "1",
            "variable SWITCHHOOK_AMPQ__URL: there is no such setting; did you mean "
            "SWITCHHOOK_AMQP__URL?",
        ),
        (
            "SWITCHHOOK_CONFIGG",
            "1",
            "variable SWITCHHOOK_CONFIGG: there is no such setting; did you mean "
            "SWITCHHOOK_CONFIG?",
        ),
        (
            "SWITCHHOOK_AMQP_URL",
            "1",
            "variable SWITCHHOOK_AMQP_URL: there is no such setting; did you mean "
            "SWITCHHOOK_AMQP__URL?",
        ),
        (
            "SWITCHHOOK_",
            "1",
            "variable SWITCHHOOK_: there is no such setting; ",
        ),
        (
            "SWITCHHOOK_API__PORT",
            "many",
            "api.port (variable SWITCHHOOK_API__PORT): Input should be a valid integer, unable to",
        ),
        (
            "SWITCHHOOK_RETRY__SCHEDULE",
            "[1, 2",
            "retry.schedule: variable SWITCHHOOK_RETRY__SCHEDULE is not JSON: ",
        ),
        (
            "SWITCHHOOK_EGRESS__ALLOW",
            "10.0.0.0/8",
            "egress.allow (variable SWITCHHOOK_EGRESS__ALLOW): Input should be a valid tuple, got",
        ),
    ],
)
def test_a_bad_variable_is_named(variable: str, value: str, beginning: str, tmp_path: Path) -> None:
    [problem] = problems(environment={variable: value}, folder=tmp_path)
    assert problem.startswith(beginning)


def test_a_bad_value_of_the_environment_is_not_blamed_on_the_file(tmp_path: Path) -> None:
    [problem] = problems("api: {port: 1000}", {"SWITCHHOOK_API__PORT": "0"}, folder=tmp_path)
    assert problem.startswith("api.port (variable SWITCHHOOK_API__PORT): ")


def test_every_problem_is_found_in_one_go(tmp_path: Path) -> None:
    found = problems(
        "api: {port: 0}\nnonsense: 1\nretry: {jitter: 9}",
        {"SWITCHHOOK_RETRY__SCHEDULE": "[", "SWITCHHOOK_NO__SUCH": "1"},
        folder=tmp_path,
    )
    assert len(found) == 5
    for about in ("api.port", "nonsense", "retry.jitter", "retry.schedule", "SWITCHHOOK_NO__SUCH"):
        assert sum(about in problem for problem in found) == 1


@pytest.mark.parametrize(
    ("yaml", "environment"),
    [
        (f"amqp: {{url: 'http://u:{PASSWORD}@broker/'}}", {}),
        (f"amqp: {{url: ['amqp://u:{PASSWORD}@broker/']}}", {}),
        (f"mongo: {{url: 'mongo://u:{PASSWORD}@db/'}}", {}),
        (f"amqp: {{urll: 'amqp://u:{PASSWORD}@broker/'}}", {}),
        ("", {"SWITCHHOOK_AMQP__URL": f"http://u:{PASSWORD}@broker/"}),
        ("", {"SWITCHHOOK_MONGO__URL": f"[mongodb://u:{PASSWORD}@db/"}),
        ("", {"SWITCHHOOK_MONGO__URL": f'["mongodb://u:{PASSWORD}@db/"]'}),
        ("", {"SWITCHHOOK_MONGO_URL": f"mongodb://u:{PASSWORD}@db/"}),
        (f"amqp: 'amqp://u:{PASSWORD}@broker/'", {}),
        (f"mongo: ['mongodb://u:{PASSWORD}@db/']", {}),
        (f"amqp:\n  url: 'amqp://u:{PASSWORD}@broker/\n", {}),
        (f"mongo:\n  url: mongodb://u:{PASSWORD}@db: 1: 2\n", {}),
    ],
)
def test_no_problem_shows_a_password(yaml: str, environment: Environment, tmp_path: Path) -> None:
    found = problems(yaml, environment, folder=tmp_path)
    assert found
    assert PASSWORD not in " ".join(found)


def test_printing_the_settings_shows_no_password() -> None:
    settings = load_settings(None, {"SWITCHHOOK_AMQP__URL": f"amqp://u:{PASSWORD}@broker/"})
    assert PASSWORD not in repr(settings)
    assert settings.amqp.urls == (f"amqp://u:{PASSWORD}@broker/",)
