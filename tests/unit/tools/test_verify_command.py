"""The command `switchhook verify`: where it reads from, and what it exits with."""

import re
import time
from pathlib import Path

from click.testing import CliRunner, Result

from service.cli.main import main
from service.settings.load import WEBHOOK_SECRET_VARIABLE
from tests.unit.tools.test_verification import BODY, OTHER, SECRET, signed


def lines(body: bytes = BODY) -> str:
    return "".join(f"{name}: {value}\n" for name, value in signed(body, at=time.time()).items())


def run(*arguments: str, text: bytes = b"", secret: str | None = SECRET) -> Result:
    environment = {WEBHOOK_SECRET_VARIABLE: secret}
    return CliRunner().invoke(main, ["verify", *arguments], input=text, env=environment)


def test_a_raw_request_on_standard_input_is_verified() -> None:
    head = f"POST /hook HTTP/1.1\n{lines()}".replace("\n", "\r\n").encode()
    good = run(text=head + b"\r\n" + BODY)
    assert good.exit_code == 0
    assert re.fullmatch(r"genuine  webhook-signature fits, \d+ s old\n", good.output)
    bad = run(text=head + b"\r\n" + BODY + b"\n")
    assert bad.exit_code == 1
    assert bad.output.startswith("not genuine  webhook-signature fits what was sent, but then a li")


def test_files_and_standard_input_are_read_as_they_are_named(tmp_path: Path) -> None:
    headers, body, secret = tmp_path / "headers", tmp_path / "body", tmp_path / "secret"
    headers.write_text(lines())
    body.write_bytes(BODY)
    secret.write_text(f"{SECRET}\n")
    files = ("--headers", str(headers), "--secret-file", str(secret))
    assert run(*files, "--body", str(body), secret=None).exit_code == 0
    assert run(*files, "--body", "-", text=BODY, secret=None).exit_code == 0
    assert run(*files, "--body", str(body), "--secret", OTHER).exit_code == 1


def test_a_query_may_be_given_beside_the_headers(tmp_path: Path) -> None:
    headers = tmp_path / "headers"
    headers.write_text(lines(b"call_id=c-1"))
    assert run("--headers", str(headers), "--query", "own=1&call_id=c-1").exit_code == 0


def test_a_request_that_was_kept_passes_only_where_any_age_is_allowed() -> None:
    old = signed(at=1_700_000_000)
    raw = "".join(["GET / HTTP/1.1\n", *(f"{key}: {value}\n" for key, value in old.items()), "\n"])
    assert run(text=raw.encode() + BODY).exit_code == 1
    assert run("--any-age", text=raw.encode() + BODY).exit_code == 0


def test_input_that_cannot_be_used_exits_2(tmp_path: Path) -> None:
    for result in (
        run(text=b""),
        run(text=b"hello"),
        run("--body", "-", text=b"{}"),
        run("--headers", str(tmp_path / "none")),
        run(text=b"GET / HTTP/1.1\n\n", secret=None),
        run(text=lines().encode(), secret="whsec_!"),
    ):
        assert result.exit_code == 2, result.output
        assert result.output.startswith("problem  ")
        assert SECRET not in result.output
