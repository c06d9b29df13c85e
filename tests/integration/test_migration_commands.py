"""The commands that move an installation from Kazoo."""

import json
from pathlib import Path

import pytest

from service.dev.servers import MongoServer
from tests.conftest import Documents
from tests.crossbar_stand_in import BRANCH, CUSTOMER, RESELLER, TOKEN, Crossbar
from tests.forking.client import switchhook


@pytest.fixture
def environment(store: MongoServer, database: Documents) -> dict[str, str]:
    return {
        "SWITCHHOOK_MONGO__URL": store.url,
        "SWITCHHOOK_MONGO__DATABASE": database.name,
        "CROSSBAR_TOKEN": TOKEN,
    }


async def test_the_commands_move_an_installation(
    kazoo: Crossbar, environment: dict[str, str], database: Documents
) -> None:
    kazoo.add_webhook("w", BRANCH)
    where = ("--url", f"{kazoo.url}/v2/", "--account", RESELLER, "--page-size", "2")
    code, text = await switchhook("accounts", "sync", *where, env=environment)
    assert code == 0, text
    assert "taken            6" in text
    code, text = await switchhook("webhooks", "import", *where, "--descendants", env=environment)
    assert code == 0, text
    assert "taken            1" in text
    assert "requests of a webhook are not signed until it has a secret" in text
    assert await database["webhooks"].count_documents({"account_id": BRANCH}) == 1
    code, text = await switchhook("webhooks", "import", *where, "--descendants", env=environment)
    assert (code, "unchanged        1" in text, "not signed" in text) == (0, True, False)


async def test_the_command_imports_a_file_and_fails_where_something_is_refused(
    environment: dict[str, str], database: Documents, tmp_path: Path
) -> None:
    good = {
        "_id": "fax",
        "pvt_type": "webhook",
        "pvt_account_id": CUSTOMER,
        "pvt_modified": 63_877_497_999,
        "uri": "https://hooks.example.net/kazoo",
        "hook": "outbound_fax",
    }
    bad = {**good, "_id": "bad", "uri": "https://u:hush@x/"}
    gone = {**good, "_id": "gone", "pvt_deleted": True}
    file = tmp_path / "webhooks.json"
    file.write_text(json.dumps({"rows": [{"doc": doc} for doc in (good, bad, gone)]}))
    code, text = await switchhook("webhooks", "import", "--file", str(file), env=environment)
    assert code == 1
    assert "refused    bad                              the URI must not carry credentials" in text
    assert "skipped    gone                             deleted in Kazoo" in text
    assert "hush" not in text
    types = {webhook["custom_data"]["type"] async for webhook in database["webhooks"].find()}
    assert types == {"outbound_fax", "outbound_fax_error"}


async def test_the_commands_say_what_is_missing_in_one_line(
    kazoo: Crossbar, environment: dict[str, str], tmp_path: Path
) -> None:
    where = ("--url", kazoo.url, "--account", RESELLER)
    wrong = environment | {"CROSSBAR_TOKEN": "wrong"}
    code, text = await switchhook("accounts", "sync", *where, env=wrong)
    assert code == 1
    assert text == "problem  Crossbar does not accept the token (401); has it expired?\n"
    code, text = await switchhook("accounts", "sync", *where, "--token-env", "X", env=environment)
    assert code == 2
    assert "variable X holds no token" in text
    variable = ("--token-env", "SWITCHHOOK_TOKEN")
    code, text = await switchhook("accounts", "sync", *where, *variable, env=environment)
    assert code == 2
    assert "variables that begin with SWITCHHOOK_ are reserved for settings" in text
    token_file = tmp_path / "token"
    token_file.write_text(f"{TOKEN}\n")
    code, text = await switchhook(
        "webhooks", "import", *where, "--token-file", str(token_file), env=wrong
    )
    assert code == 0, text
    code, text = await switchhook("webhooks", "import", env=environment)
    assert code == 2
    assert "give --url and --account, or --file" in text
    broken = tmp_path / "broken"
    broken.write_text("oops")
    code, text = await switchhook("webhooks", "import", "--file", str(broken), env=environment)
    assert code == 2
    assert "is not JSON; line 1 alone is not" in text
