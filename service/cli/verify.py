"""The command that says whether a request is genuine, and if not, why."""

import sys
import time
from dataclasses import replace
from pathlib import Path

import click

from service.cli.live import plain
from service.cli.terminal import FAILED
from service.dialects.known import dialects_of
from service.settings.load import WEBHOOK_SECRET_VARIABLE
from service.settings.model import Settings
from service.tools.received import BYTES, Received, Unreadable, received, received_raw
from service.tools.schemes import BadSecret
from service.tools.verification import TOLERANCE_S, verify

BAD_INPUT = 2
FILE = click.Path(allow_dash=True)


@click.command("verify")
@click.option("--headers", type=FILE, help="File of header lines; - is standard input.")
@click.option("--body", type=FILE, help="File of the raw body; - is standard input.")
@click.option("--query", default="", help="Raw query of a GET, if --headers has no request line.")
@click.option(
    "--secret",
    envvar=WEBHOOK_SECRET_VARIABLE,
    help=f"whsec_…, whpk_…, or a secret of VoIPBIN; better in {WEBHOOK_SECRET_VARIABLE}.",
)
@click.option("--secret-file", type=click.Path(path_type=Path), help="File with the secret.")
@click.option("--any-age", is_flag=True, help="Accept a request of any age, as one that was kept.")
def verify_command(
    headers: str | None,
    body: str | None,
    query: str,
    secret: str | None,
    secret_file: Path | None,
    *,
    any_age: bool,
) -> None:
    """Say whether a request is genuine; without files, one raw HTTP request on standard input.

    Exits 0 if it is, 1 if it is not, 2 if the input cannot be read.
    """
    try:
        secret = _secret(secret, secret_file)
        request = _request(headers, body, query)
        tolerance_s = None if any_age else TOLERANCE_S
        verdict = verify(request, secret, dialects_of(Settings()), time.time(), tolerance_s)
    except (BadSecret, Unreadable, OSError, UnicodeDecodeError) as error:
        click.echo(f"problem  {plain(str(error))}", err=True)
        sys.exit(BAD_INPUT)
    word = "genuine" if verdict.genuine else "not genuine"
    for finding in verdict.findings:
        click.secho(f"{word}  {plain(finding)}", fg="green" if verdict.genuine else "red")
    sys.exit(0 if verdict.genuine else FAILED)


def _secret(given: str | None, file: Path | None) -> str:
    """Return the secret given, or that of the file. Raises BadSecret, OSError."""
    secret = given or (file.read_text("utf-8") if file else "")
    if not secret:
        raise BadSecret(f"give --secret, --secret-file, or {WEBHOOK_SECRET_VARIABLE}")
    return secret


def _request(headers: str | None, body: str | None, query: str) -> Received:
    """Return the request of files, or of standard input. Raises Unreadable, OSError."""
    if headers is None and body is None:
        return received_raw(_read("-"))
    if headers is None:
        raise Unreadable("--body needs --headers, which has the signature")
    found = received(_read(headers), b"" if body is None else _read(body))
    return found if found.query or not query else replace(found, query=query.encode().decode(BYTES))


def _read(path: str) -> bytes:
    with click.open_file(path, "rb") as file:
        content: bytes = file.read()
        return content
