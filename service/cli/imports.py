"""`switchhook import`: the accounts of a switch, with the destinations that it manages."""

import click

from service.adapters.mongo.provisions import MongoProvisions
from service.adapters.mongo.store import open_store
from service.cli.migration import is_address, is_no_setting, token_in
from service.cli.terminal import config_option, run_to_end, settings_or_exit
from service.dialects.imports import IMPORTS
from service.text.plural import counted
from service.wiring.parts import secret_box_of


@click.command("import")
@config_option
@click.argument("source", type=click.Choice(list(IMPORTS)))
@click.option("--url", required=True, callback=is_address, help="The switch's API.")
@click.option(
    "--token-env",
    default="VOIPBIN_TOKEN",
    show_default=True,
    callback=is_no_setting,
    metavar="NAME",
    help="Environment variable with the token or access key.",
)
@click.option("--dry-run", is_flag=True, help="Write nothing.")
def import_accounts(
    config: str | None, source: str, url: str, token_env: str, *, dry_run: bool
) -> None:
    """Import the accounts of a switch from its API. May be repeated.

    What the switch has told on its bus since is newer, and stays.
    """
    settings = settings_or_exit(config)
    token = token_in(token_env, None, source)
    mongo = settings.mongo

    async def work() -> tuple[int, int]:
        found = await IMPORTS[source](url, token)
        with open_store(mongo.url.get_secret_value(), mongo.database, mongo.timeout_s) as store:
            provisions = MongoProvisions(store, secret_box_of(settings))
            for provision in () if dry_run else found:
                await provisions.keep(provision)
        return len(found), sum(one.webhook is not None for one in found)

    accounts, webhooks = run_to_end(work)
    done = "would be imported" if dry_run else "imported"
    click.echo(f"{counted(accounts, 'account')} {done}, {webhooks} with a webhook")
