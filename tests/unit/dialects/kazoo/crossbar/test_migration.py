from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from service.dialects.kazoo.crossbar.decision import Decision, Verdict
from service.dialects.kazoo.crossbar.migration import plan_webhooks
from service.dialects.kazoo.crossbar.webhooks import Imported, read_webhook
from tests.unit.dialects.kazoo.crossbar.test_webhooks import kazoo_document

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def reading(**members: Any) -> Imported:
    (webhook,) = read_webhook(kazoo_document(**members))
    assert isinstance(webhook, Imported)
    return webhook


def without_times(webhook: Imported) -> Imported:
    return replace(webhook, created_at=None, modified_at=None)


def plan(webhook: Imported, *stored: Any, overwrite: bool = False, now: datetime = NOW) -> Decision:
    known = {document["_id"]: document for document in stored}
    (decision,) = plan_webhooks([webhook], known, now, overwrite=overwrite)
    return decision


def test_a_new_webhook_is_taken_with_its_times() -> None:
    decision = plan(reading())
    assert decision.verdict is Verdict.TAKEN
    assert decision.document is not None
    assert decision.document["modified_at"] == datetime(2024, 3, 12, 21, 26, 39, tzinfo=UTC)


def test_the_same_again_is_unchanged() -> None:
    stored = plan(reading()).document
    assert plan(reading(), stored).verdict is Verdict.UNCHANGED


def test_a_secret_or_a_default_that_is_not_written_makes_no_difference() -> None:
    stored = dict(plan(reading()).document or {})
    for key in ("format", "enabled", "modifiers", "disable_reason", "include_subaccounts"):
        del stored[key]
    stored["secret"] = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    assert plan(reading(), stored).verdict is Verdict.UNCHANGED


def test_a_later_edit_in_kazoo_is_taken() -> None:
    stored = plan(reading()).document
    decision = plan(reading(name="new", pvt_modified=63_877_498_000), stored)
    assert decision.verdict is Verdict.CHANGED
    assert decision.document is not None
    assert decision.document["name"] == "new"


def test_a_later_edit_here_is_kept_unless_told_otherwise() -> None:
    stored = {**(plan(reading()).document or {}), "name": "mine", "retries": 5, "modified_at": NOW}
    decision = plan(reading(), stored)
    assert decision.verdict is Verdict.KEPT
    assert "name, retries differ" in decision.reason
    assert decision.document is None
    assert plan(reading(), stored, overwrite=True).verdict is Verdict.CHANGED


def test_without_times_an_edit_on_either_side_is_told_apart() -> None:
    stored = plan(without_times(reading())).document or {}
    assert stored["created_at"] == stored["modified_at"] == NOW
    edited_there = without_times(reading(name="new"))
    later = NOW + timedelta(days=1)
    decision = plan(edited_there, stored, now=later)
    assert decision.verdict is Verdict.CHANGED
    assert decision.document is not None
    assert decision.document["modified_at"] == later
    edited_here = {**stored, "name": "mine", "modified_at": later}
    assert plan(edited_there, edited_here, now=later).verdict is Verdict.KEPT


def test_one_that_cannot_be_read_here_is_mended() -> None:
    assert plan(reading(), {"_id": "5f0c", "uri": 3}).verdict is Verdict.CHANGED


def test_an_id_that_is_there_twice_is_taken_once() -> None:
    decisions = plan_webhooks([reading(), reading(name="b")], {}, NOW, overwrite=False)
    assert [d.verdict for d in decisions] == [Verdict.TAKEN, Verdict.REFUSED]


def test_what_was_decided_before_stays() -> None:
    refused = Decision(Verdict.REFUSED, "x", "no")
    assert plan_webhooks([refused], {}, NOW, overwrite=True) == [refused]
