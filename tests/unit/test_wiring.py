import re
import sys
from typing import Any

import pytest

from service.dialects.known import dialects_of
from service.domain.errors import SettingsError
from service.settings.model import Settings
from service.wiring.needs import needs_of
from service.wiring.parts import permissions_of, tracer_of


def test_spans_cannot_be_sent_without_the_packages_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "service.adapters.otel", None)
    asked = Settings.model_validate({"tracing": {"otlp_url": "http://collector:4318/v1/traces"}})
    with pytest.raises(SettingsError, match=r"tracing\.otlp_url: needs .* switchhook\[otel\]"):
        tracer_of(asked)
    tracer_of(Settings()).close()


@pytest.mark.parametrize(
    ("chosen", "wanted", "optional"),
    [
        (
            {},
            [],
            [
                "write amq.default",
                "write targeted",
                "write callevt, configure targeted, read targeted",
                "write notifications",
            ],
        ),
        (
            {"kazoo": {"answer_pivot_requests": "targeted"}, "calls": {"watchdog": False}},
            ["read callmgr, write targeted"],
            ["write amq.default", "write targeted", "write notifications"],
        ),
        (
            {"amqp": {"sources": ["voipbin"]}, "voipbin": {"taps": ["rpc"]}},
            ["write bin-manager.webhook-manager.event.topic, write amq.default"],
            ["write amq.default", "write amq.default"],
        ),
    ],
)
def test_what_a_setting_asks_for_is_in_the_command_that_check_prints(
    chosen: dict[str, Any], wanted: list[str], optional: list[str]
) -> None:
    settings = Settings.model_validate(chosen)
    dialects = dialects_of(settings)
    needs, granted = list(needs_of(settings, dialects)), permissions_of(settings, dialects)

    def listed(*, of_a_setting: bool) -> list[str]:
        found = [need.permissions for need in needs if need.wanted is of_a_setting]
        return [", ".join(" ".join(one) for one in permissions) for permissions in found]

    assert (listed(of_a_setting=True), listed(of_a_setting=False)) == (wanted, optional)
    for need in needs:
        for action, exchange in need.permissions:
            assert not need.wanted or re.search(getattr(granted, action), exchange)
