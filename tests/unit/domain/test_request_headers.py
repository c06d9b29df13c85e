from base64 import b64encode
from typing import Any

import pytest

from service.domain.request_headers import (
    authorization,
    problem_with_header,
    problem_with_headers,
)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-Api-Key", "abc"),
        ("Authorization", "Digest x"),
        ("x_y!#%&'*+.^`|~9", "~!@ #\t$"),
        ("Accept", "application/json"),
        ("X-Long", "x" * 4096),
        ("N" * 100, "x"),
    ],
)
def test_headers_that_may_be_added(name: str, value: str) -> None:
    assert problem_with_header(name, value) is None


@pytest.mark.parametrize(
    "name",
    [
        "", "a b", "a:b", "a\r\nb", "ä", "a\0", "N" * 101, "Host", "HOST", "Content-Length",
        "content-type", "Transfer-Encoding", "Connection", "Keep-Alive", "TE", "Trailer", "Upgrade",
        "Proxy-Authorization", "Expect", "User-Agent", "X-Hook-ID", "x-account-id", "webhook-id",
        "Webhook-Signature", "webhook-anything", "X-Switchhook-Test", "x-switchhook-anything",
        "Cookie", "Accept-Encoding",
    ],
)  # fmt: skip
def test_names_that_may_not_be_set(name: str) -> None:
    assert problem_with_header(name, "x")


@pytest.mark.parametrize(
    "value",
    ["", " x", "x ", "\tx", "a\r\nb", "a\nb", "a\0b", "a\x7fb", "ä", "x" * 4097, 7, None, ["x"]],
)
def test_values_that_may_not_be_set_and_are_not_quoted(value: Any) -> None:
    problem = problem_with_header("X-Key", value)
    assert problem == "the value of X-Key must be visible ASCII, at most 4096 characters"


def test_headers_as_a_whole_have_bounds() -> None:
    assert problem_with_headers({}) is None
    assert problem_with_headers({f"X-{number}": "x" for number in range(20)}) is None
    assert problem_with_headers({f"X-{number}": "x" for number in range(21)})
    assert problem_with_headers({"X-Key": "x", "x-key": "y"})
    assert problem_with_headers({"X-Key": "x", "Host": "y"}) == "Host cannot be set"


def test_bearer_and_basic_are_written_as_rfcs_6750_and_7617_say() -> None:
    assert authorization({"type": "bearer", "token": "a b"}) == "Bearer a b"
    basic = {"type": "basic", "username": "Zoë", "password": "a:b"}
    assert authorization(basic) == f"Basic {b64encode('Zoë:a:b'.encode()).decode()}"


@pytest.mark.parametrize(
    "auth",
    [
        {},
        {"type": "digest", "token": "hush"},
        {"type": "bearer"},
        {"type": "bearer", "token": ""},
        {"type": "bearer", "token": "hush\r\nX: y"},
        {"type": "bearer", "token": "hush" * 1000},
        {"type": "bearer", "token": 7},
        {"type": "basic", "username": "u"},
        {"type": "basic", "username": "hush:er", "password": "p"},
        {"type": ["bearer"], "token": "hush"},
    ],
    ids=lambda auth: str(auth)[:50],
)
def test_credentials_that_cannot_be_sent_are_refused_and_not_quoted(auth: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must") as error:
        authorization(auth)
    assert "hush" not in str(error.value)
