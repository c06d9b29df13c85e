"""The settings that an operator sees in the console."""

from pathlib import Path

from service.settings.in_force import HIDDEN, settings_in_force
from service.settings.load import load_settings
from service.settings.model import setting_keys


def test_every_setting_is_shown_with_its_origin_and_no_secret(tmp_path: Path) -> None:
    config = tmp_path / "switchhook.yaml"
    config.write_text("amqp: {url: 'amqp://u:hush@a/'}\napi: {port: 8888, host: a.example}\n")
    environment = {
        "SWITCHHOOK_API__HOST": "b.example",
        "SWITCHHOOK_MONGO__URL": "mongodb://u:hush@b/",
        "SWITCHHOOK_EGRESS__ALLOW": '["10.0.0.0/8"]',
    }
    found = {one.key: one for one in settings_in_force(load_settings(str(config), environment))}
    assert list(found) == setting_keys()
    assert (found["api.port"].value, found["api.port"].origin) == ("8888", f"file {config}")
    assert found["api.host"].origin == "variable SWITCHHOOK_API__HOST"
    assert found["egress.allow"].value == '["10.0.0.0/8"]'
    assert (found["mongo.url"].value, found["amqp.url"].value) == (HIDDEN, HIDDEN)
    assert found["secrets.keys"].value == "null"
    assert not any("hush" in one.value for one in found.values())
    changed = {key for key, one in found.items() if one.changed}
    assert changed == {"amqp.url", "mongo.url", "api.port", "api.host", "egress.allow"}
    assert found["log.level"].origin == "default"
