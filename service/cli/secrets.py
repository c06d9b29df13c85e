"""The commands for keys: create one, and encrypt stored secrets again with the newest."""

from datetime import UTC, datetime

import click

from service.adapters.mongo.secret_rewrap import rewrap
from service.adapters.mongo.store import open_store
from service.cli.terminal import config_option, run_to_end, settings_or_exit
from service.text.keys import new_key
from service.text.plural import counted
from service.wiring.parts import secret_box_of


@click.group()
def secrets() -> None:
    """Keys that encrypt secrets in the store."""


@secrets.command("new-key")
@click.argument("name", required=False)
def make(name: str | None) -> None:
    """Create a key and print it in the form of `secrets.keys` and `secrets.signing_key`.

    The default name is made of today's date (UTC).
    """
    name = name or f"k{datetime.now(UTC):%Y%m%d}"
    if not name.isalnum():
        raise click.UsageError("a key's name must be letters and digits")
    click.echo(new_key(name))


@secrets.command("rewrap")
@config_option
@click.option("--dry-run", is_flag=True, help="Count the documents only.")
def encrypt_anew(config: str | None, *, dry_run: bool) -> None:
    """Encrypt every secret with the first of `secrets.keys`; older keys can then be removed.

    The service may keep running; first give all its processes the new key, behind the old one.
    """
    settings = settings_or_exit(config)
    secret_box = secret_box_of(settings)
    if not secret_box.seals:
        raise click.UsageError("there is no key in secrets.keys")
    mongo = settings.mongo

    async def work() -> tuple[int, int]:
        with open_store(mongo.url.get_secret_value(), mongo.database, mongo.timeout_s) as store:
            return await rewrap(store, secret_box, dry_run=dry_run)

    changed, unreadable = run_to_end(work)
    done = "would be encrypted" if dry_run else "encrypted"
    click.echo(f"{counted(changed, 'document')} {done} with the newest key")
    if unreadable:
        click.echo(
            f"problem  {counted(unreadable, 'document')} cannot be decrypted with these keys",
            err=True,
        )
        raise SystemExit(1)
