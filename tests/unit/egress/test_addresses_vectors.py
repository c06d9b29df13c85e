"""Every shared case of egress, by verdict; `integration/test_egress.py` has them by dialling."""

from ipaddress import ip_address
from urllib.parse import urlsplit

import pytest

from service.adapters.http.uri_guard import ResolvingGuard
from service.domain.policy import EgressPolicy
from service.egress.addresses import Refusal, judge
from service.egress.guard import EgressGuard
from tests.diverted_network import DivertedNetwork
from tests.egress_vectors import CASES, SELF, Case

every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.case_id)


def test_the_cases_are_all_there() -> None:
    assert len(CASES) == 182
    assert {case.shared for case in CASES} == {"parse", "resolve", "connect", "response"}


@every_case
def test_what_can_be_seen_in_the_uri_is_refused_without_asking_anybody(case: Case) -> None:
    if case.case_id == SELF:
        return
    try:
        refused = isinstance(EgressGuard(case.policy).judged(case.uri), Refusal)
    except ValueError:
        refused = True
    assert refused == (case.shared == "parse" and not case.allowed)


@every_case
async def test_a_webhook_is_refused_when_it_is_made(case: Case) -> None:
    if case.case_id == SELF:
        return
    network = DivertedNetwork(case.answers)
    rule = await ResolvingGuard(case.policy, system=network.system()).refusal(case.uri)
    # A name that was good when the webhook was made, or that had no address, is judged later.
    seen_now = [answer for answers in case.resolve[:1] for answer in answers]
    unseen = case.shared == "response" or not all(case.resolve) or seen_now == ["93.184.216.34"]
    assert (rule is None) == (case.allowed or (case.shared != "parse" and unseen)), rule
    assert network.sockets == 0
    if case.shared == "parse":
        assert not network.asked


@every_case
def test_an_address_in_a_uri_has_the_same_verdict_by_itself(case: Case) -> None:
    try:
        host = str(ip_address(urlsplit(case.uri).hostname or ""))
    except ValueError:
        return
    if case.category in ("port", "shape", "userinfo") and not case.allowed:
        return
    assert (judge(case.policy, host) is None) == case.allowed


@pytest.mark.parametrize("case", [c for c in CASES if c.document.get("https_only_expect")])
def test_plain_http_is_refused_where_https_is_required(case: Case) -> None:
    judged = EgressGuard(EgressPolicy(require_https=True)).judged(case.uri)
    assert judged == Refusal("require_https", "http")


@pytest.mark.parametrize("case", [c for c in CASES if c.document["reason"] == "port_denied"])
def test_an_operator_may_open_ports(case: Case) -> None:
    assert not isinstance(EgressGuard(EgressPolicy(deny_ports=())).judged(case.uri), Refusal)
