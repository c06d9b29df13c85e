"""What tests of adapters share."""

import pytest

from service.observability.metrics import Metrics
from tests.integration.broker_parts import new_metrics


@pytest.fixture
def metrics() -> Metrics:
    return new_metrics()
