"""What is said of settings that cannot be used."""

from pathlib import Path

import pytest

from service.domain.errors import SettingsError
from service.settings.load import load_settings

Environment = dict[str, str]

PASSWORD = "s3cret"


def problems(
    yaml: str = "", environment: Environment | None = None, *, folder: Path
) -> tuple[str, ...]:
    """Return what is wrong; the file's path reads FILE."""
    path = folder / "settings.yaml"
    path.write_text(yaml, "utf-8")
    with pytest.raises(SettingsError) as error:
        load_settings(str(path), environment or {})
    return tuple(problem.replace(str(path), "FILE") for problem in error.value.problems)


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
        "ampq (file FILE): there is no such key; allowed are amqp, answers, api, attempts, "
        "audit, breaker, cache, calls, console, disable, egress, freshness, health, http, kazoo, "
        "log, metrics, mongo, pause, retry, secrets, shutdown, tls, tracing, voipbin"
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
        (
            "amqp: {sources: [asterisk]}",
            "amqp.sources (file FILE): Input should be 'kazoo' or 'voipbin', got",
        ),
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
