from service.domain.errors import (
    BrokerUnavailable,
    RejectedMessage,
    RejectReason,
    SettingsError,
    StoreUnavailable,
    Unavailable,
)
from service.domain.finding import Severity, fine, trouble, warning


def test_a_settings_error_keeps_every_problem() -> None:
    error = SettingsError(["a: wrong", "b: worse"])
    assert error.problems == ("a: wrong", "b: worse")
    assert str(error) == "a: wrong; b: worse"


def test_a_rejection_says_its_reason_and_its_detail() -> None:
    error = RejectedMessage(RejectReason.NOT_JSON, "at byte 3")
    assert (error.reason, error.detail) == (RejectReason.NOT_JSON, "at byte 3")
    assert str(error) == "not_json: at byte 3"


def test_a_missing_dependency_is_one_kind_of_error_whichever_it_is() -> None:
    assert issubclass(StoreUnavailable, Unavailable)
    assert issubclass(BrokerUnavailable, Unavailable)


def test_only_trouble_is_fatal() -> None:
    findings = [fine("a", "b"), warning("a", "b", "c"), trouble("a", "b", "c")]
    assert [finding.fatal for finding in findings] == [False, False, True]
    assert findings[2].severity is Severity.PROBLEM


def test_a_finding_is_one_line_with_its_remedy() -> None:
    assert str(fine("mongo", "answers")) == "ok       mongo     answers"
    assert str(trouble("amqp.url", "refused", "start it")) == (
        "problem  amqp.url  refused; start it"
    )
