"""The command that makes a portal link."""

from datetime import UTC, datetime, timedelta

import click

from service.adapters.mongo.audit import MongoAuditLog
from service.adapters.mongo.replays import MongoTokens
from service.adapters.mongo.store import open_store
from service.api.resources.portal import link_view
from service.cli.terminal import config_option, run_to_end, settings_or_exit
from service.management.audit import OPERATOR, Audit
from service.management.authentication import Authentication
from service.management.sessions import Link, Sessions
from service.settings.model import Settings


@click.command()
@config_option
@click.option("--account", required=True, help="Account that the link opens.")
@click.option("--read-only", is_flag=True, help="Allow reading only.")
def portal(config: str | None, account: str, *, read_only: bool) -> None:
    """Print a link that opens the console for one account, for some minutes."""
    settings = settings_or_exit(config)
    link = run_to_end(lambda: _made(settings, account, read_only=read_only))
    click.echo(link_view(link, settings.console_url)["url"])
    left = round((link.expires_at - datetime.now(UTC)).total_seconds() / 60)
    click.echo(f"opens sessions for {left} min", err=True)


async def _made(settings: Settings, account_id: str, *, read_only: bool) -> Link:
    mongo, console = settings.mongo, settings.console
    with open_store(mongo.url.get_secret_value(), mongo.database, mongo.timeout_s) as store:
        tokens = MongoTokens(store)
        sessions = Sessions(
            tokens,
            Authentication(tokens),
            Audit(MongoAuditLog(store)),
            timedelta(hours=console.session_hours),
            timedelta(minutes=console.portal_link_minutes),
        )
        return await sessions.link(OPERATOR, account_id, read_only=read_only)
