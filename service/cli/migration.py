"""The commands that copy accounts and webhooks from a Kazoo installation."""

import os
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import reduce
from pathlib import Path
from typing import Any, TypeVar

import click

from service.adapters.mongo.migration import MongoMigration
from service.adapters.mongo.store import open_database
from service.cli.terminal import FAILED, config_option, run_to_end, settings_or_exit
from service.dialects.crossbar import (
    CrossbarClient,
    Decision,
    Verdict,
    documents_in,
    fetch_webhooks,
    import_webhooks,
    sync_accounts,
)
from service.domain.endpoint import endpoint_of
from service.settings.model import MongoSettings

FOR_ACCOUNTS = (
    Verdict.TAKEN, Verdict.CHANGED, Verdict.UNCHANGED, Verdict.GONE, Verdict.REMOVED,
)  # fmt: skip
FOR_WEBHOOKS = (
    Verdict.TAKEN, Verdict.CHANGED, Verdict.UNCHANGED, Verdict.KEPT, Verdict.REFUSED,
    Verdict.SKIPPED,
)  # fmt: skip

F = TypeVar("F", bound=Callable[..., Any])
Found = tuple[Sequence[Any], list[Decision]]
Source = Callable[[MongoMigration], Awaitable[Found]]


@click.group()
def accounts() -> None:
    """Accounts, whose tree decides which webhooks get an event."""


@click.group()
def webhooks() -> None:
    """Webhooks in the store."""


def is_address(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    """Return an option's value if a request can be made to it."""
    try:
        if value is not None:
            endpoint_of(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    return value


def is_no_setting(_: click.Context, __: click.Parameter, value: str) -> str:
    """Return the name of a variable that is free."""
    if value.startswith("SWITCHHOOK_"):
        raise click.BadParameter("variables that begin with SWITCHHOOK_ are reserved for settings")
    return value


def _crossbar_options(*, required: bool) -> Callable[[F], F]:
    """Return the options for Crossbar's address, the account and the token."""
    options: list[Callable[[F], F]] = [
        click.option(
            "--url", required=required, callback=is_address, help="As https://crossbar:8000."
        ),
        click.option("--account", required=required, help="Id of the account to start from."),
        click.option(
            "--token-env",
            default="CROSSBAR_TOKEN",
            show_default=True,
            callback=is_no_setting,
            metavar="NAME",
            help="Environment variable with the token.",
        ),
        click.option(
            "--token-file",
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            help="File with the token.",
        ),
        click.option("--page-size", default=100, show_default=True, type=click.IntRange(1, 10_000)),
    ]
    return lambda command: reduce(lambda made, option: option(made), reversed(options), command)


@accounts.command("sync")
@config_option
@_crossbar_options(required=True)
@click.option("--prune", is_flag=True, help="Remove accounts that Crossbar no longer has.")
@click.option("--dry-run", is_flag=True, help="Write nothing.")
def sync(
    config: str | None,
    url: str,
    account: str,
    token_env: str,
    token_file: Path | None,
    page_size: int,
    **flags: bool,
) -> None:
    """Copy an account and all below it from Kazoo. May be repeated.

    Accounts in the store that Crossbar no longer has are listed, and removed only with --prune;
    their webhooks stay.
    """
    client = CrossbarClient(url, token_in(token_env, token_file), page_size)
    mongo = settings_or_exit(config).mongo

    async def work() -> list[Decision]:
        with _store(mongo) as store:
            async with client as crossbar:
                return await sync_accounts(crossbar, store, account, **flags)

    _report(run_to_end(work), FOR_ACCOUNTS, dry_run=flags["dry_run"])


@webhooks.command("import")
@config_option
@_crossbar_options(required=False)
@click.option(
    "--file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Documents of CouchDB's database `webhooks`, instead of --url and --account.",
)
@click.option("--descendants", is_flag=True, help="Include accounts below; sync them first.")
@click.option("--overwrite", is_flag=True, help="Overwrite webhooks changed in the store since.")
@click.option("--dry-run", is_flag=True, help="Write nothing.")
def import_(
    config: str | None,
    url: str | None,
    account: str | None,
    token_env: str,
    token_file: Path | None,
    page_size: int,
    file: Path | None,
    *,
    descendants: bool,
    **flags: bool,
) -> None:
    """Import the webhooks of a Kazoo installation. May be repeated.

    The source is Crossbar (--url and --account) or a --file: a JSON array, one document per line,
    or CouchDB's _all_docs?include_docs=true. A webhook changed in the store since is kept, and so
    is a secret set in the store.

    The number of `retries` is copied unchanged, but Switchhook counts only the attempts after the
    first; Kazoo counts all of them.
    """
    if file is not None and (url or account or descendants):
        raise click.UsageError("--file cannot be combined with --url, --account or --descendants")
    if file is not None:
        source = _file_source(file)
    elif url and account:
        client = CrossbarClient(url, token_in(token_env, token_file), page_size)
        source = _crossbar_source(client, account, descendants=descendants)
    else:
        raise click.UsageError("give --url and --account, or --file")
    mongo = settings_or_exit(config).mongo

    async def work() -> list[Decision]:
        with _store(mongo) as store:
            documents, skipped = await source(store)
            return skipped + await import_webhooks(documents, store, datetime.now(UTC), **flags)

    decisions = run_to_end(work)
    if any(decision.verdict is Verdict.TAKEN for decision in decisions):
        click.echo("note       requests of a webhook are not signed until it has a secret")
    _report(decisions, FOR_WEBHOOKS, dry_run=flags["dry_run"])


def _file_source(file: Path) -> Source:
    try:
        documents = documents_in(file.read_bytes())
    except (OSError, ValueError) as error:
        raise click.BadParameter(f"{file} {error}", param_hint="--file") from None

    async def read(_: MongoMigration) -> Found:
        return documents, []

    return read


def _crossbar_source(client: CrossbarClient, account: str, *, descendants: bool) -> Source:
    async def read(store: MongoMigration) -> Found:
        async with client as crossbar:
            return await fetch_webhooks(crossbar, store, account, descendants=descendants)

    return read


def token_in(variable: str, file: Path | None, whose: str = "Crossbar") -> str:
    """Return the token; never from the command line, which any user of the machine can read."""
    try:
        token = file.read_text("utf-8") if file else os.environ.get(variable, "")
    except (OSError, UnicodeDecodeError) as error:
        raise click.BadParameter(str(error), param_hint="--token-file") from None
    token = token.strip()
    if not token:
        where = f"file {file}" if file else f"variable {variable}"
        raise click.UsageError(f"{where} holds no token for {whose}; see --token-env")
    if not (token.isascii() and token.isprintable()):
        raise click.UsageError(f"the token for {whose} cannot be sent in a header")
    return token


@contextmanager
def _store(mongo: MongoSettings) -> Iterator[MongoMigration]:
    database = open_database(mongo.url.get_secret_value(), mongo.database, mongo.timeout_s)
    try:
        yield MongoMigration(database)
    finally:
        database.client.close()


def _report(decisions: Sequence[Decision], rows: Sequence[Verdict], *, dry_run: bool) -> None:
    """Print each decision that has a reason, then the counts; exit 1 if anything was refused."""
    for decision in decisions:
        if decision.reason:
            click.echo(f"{decision.verdict.value:10} {decision.item_id:32} {decision.reason}")
    counts = Counter(decision.verdict for decision in decisions)
    for verdict in rows:
        click.echo(f"{verdict.value:10} {counts[verdict]:7}")
    if dry_run:
        click.echo("dry run: nothing was written")
    sys.exit(FAILED if counts[Verdict.REFUSED] else 0)
