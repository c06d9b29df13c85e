"""Several dialects beside each other."""

from dataclasses import replace

import pytest

from service.dialects.dialect import Dialects
from service.dialects.known import dialects_of
from service.settings.model import AmqpSettings, Settings
from tests.builders import make_webhook
from tests.dialects import KAZOO
from tests.toy_dialect import HOOK, TOY


def test_hooks_of_two_dialects_with_one_id_are_refused() -> None:
    twin = replace(TOY, hooks=(HOOK, replace(HOOK, hook_id="parking")))
    with pytest.raises(ValueError, match="'parking' is of kazoo and of toy"):
        Dialects((KAZOO, twin))


def test_the_dialects_of_the_product_have_no_hook_in_common() -> None:
    settings = Settings(amqp=AmqpSettings(sources=("kazoo", "voipbin")))
    dialects = dialects_of(settings)
    assert [one.name for one in dialects.enabled] == ["kazoo", "voipbin"]
    assert len(dialects.hooks) == sum(len(one.hooks) for one in dialects.by_name.values())
    assert dialects.default_source == "kazoo"


def test_the_names_in_a_webhook_are_those_of_its_own_dialect() -> None:
    dialects = dialects_of(Settings(amqp=AmqpSettings(sources=("kazoo", "voipbin"))))
    named = make_webhook(hooks=frozenset({"call_hungup"}))
    assert dialects.catalogued(named) is named
    unknown = replace(named, source="teleport")
    assert dialects.catalogued(unknown) is unknown
    meant = dialects.catalogued(replace(named, source="voipbin"))
    assert meant.hooks == {"call_hangup"}
