"""The commands that create, list and revoke the API's tokens."""

import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import click

from service.adapters.mongo.audit import MongoAuditLog
from service.adapters.mongo.replays import MongoTokens
from service.adapters.mongo.store import open_store
from service.cli.options import Span
from service.cli.terminal import FAILED, config_option, run_to_end, settings_or_exit
from service.management.audit import OPERATOR, Audit
from service.management.token import Token, token_id_in
from service.management.tokens import Tokens

T = TypeVar("T")


@click.group()
def token() -> None:
    """Tokens of the management API."""


@token.command("create")
@config_option
@click.option("--account", help="Bind the token to this account.")
@click.option("--superuser", is_flag=True, help="Allow every account: for operators.")
@click.option("--descendants", is_flag=True, help="Allow all accounts below as well.")
@click.option("--read-only", is_flag=True, help="Allow reading only.")
@click.option("--expires", "lifetime", type=Span(), help="Expire after 90d, 12h or 30m.")
@click.option("--name", default="", help="Purpose of the token; shown in the list.")
def create(
    config: str | None,
    account: str | None,
    lifetime: timedelta | None,
    name: str,
    *,
    superuser: bool,
    descendants: bool,
    read_only: bool,
) -> None:
    """Create a token and print it once: the store keeps only its hash."""
    if superuser == (account is not None):
        raise click.UsageError("give either --account ID or --superuser")
    if superuser and descendants:
        raise click.UsageError("a superuser's token may act on every account already")
    text = _with_tokens(
        config,
        lambda tokens: tokens.create(
            OPERATOR,
            account,
            name=name,
            descendants=descendants,
            read_only=read_only,
            lifetime=lifetime,
        ),
    )
    click.echo(text)


@token.command("list")
@config_option
@click.option("--account", help="List tokens of this account only.")
def list_tokens(config: str | None, account: str | None) -> None:
    """List the tokens, the newest first, without their secrets, which are not stored."""
    for made in _with_tokens(config, lambda tokens: tokens.all(account)):
        click.echo(_line(made))


@token.command("revoke")
@config_option
@click.argument("token_id")
def revoke(config: str | None, token_id: str) -> None:
    """Revoke a token at once, given its id or the token itself."""
    wanted = token_id_in(token_id) or token_id
    if not _with_tokens(config, lambda tokens: tokens.revoke(OPERATOR, wanted)):
        click.echo(f"problem  there is no valid token {wanted}", err=True)
        sys.exit(FAILED)
    click.echo(f"revoked  {wanted}")


def _with_tokens(config: str | None, work: Callable[[Tokens], Awaitable[T]]) -> T:
    mongo = settings_or_exit(config).mongo

    async def run() -> T:
        with open_store(mongo.url.get_secret_value(), mongo.database, mongo.timeout_s) as store:
            return await work(Tokens(MongoTokens(store), Audit(MongoAuditLog(store))))

    return run_to_end(run)


def _line(made: Token) -> str:
    owner = "superuser" if made.superuser else made.account_id
    rights = [
        *(["descendants"] if made.descendants else []),
        "read-only" if made.read_only else "read-write",
    ]
    state = (
        "good" if made.good_at(datetime.now(UTC)) else "revoked" if made.revoked_at else "expired"
    )
    expires = f"expires {made.expires_at:%Y-%m-%d %H:%M} UTC" if made.expires_at else "no expiry"
    parts = (made.token_id, state, owner, "+".join(rights), expires, made.name)
    return "  ".join(str(part) for part in parts if part)
