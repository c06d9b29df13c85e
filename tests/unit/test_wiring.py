import sys

import pytest

from service.domain.errors import SettingsError
from service.settings.model import Settings
from service.wiring.parts import tracer_of


def test_spans_cannot_be_sent_without_the_packages_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "service.adapters.otel", None)
    asked = Settings.model_validate({"tracing": {"otlp_url": "http://collector:4318/v1/traces"}})
    with pytest.raises(SettingsError, match=r"tracing\.otlp_url: needs .* switchhook\[otel\]"):
        tracer_of(asked)
    tracer_of(Settings()).close()
