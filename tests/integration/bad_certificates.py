"""Certificates that no request may be sent under, each by the detail that names its fault."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from tests.certificates import Authority, Certificate, self_signed

NAME = "DNS:hooks.example.net"
DAY = timedelta(days=1)

Bad = Callable[[Authority, Authority, Path], Certificate]

BAD: dict[str, Bad] = {
    "certificate_expired": lambda ca, _, __: ca.sign(NAME, begins=-30 * DAY, ends=-DAY),
    "certificate_not_yet_valid": lambda ca, _, __: ca.sign(NAME, begins=DAY, ends=9 * DAY),
    "wrong_host": lambda ca, _, __: ca.sign("DNS:other.example.net", "DNS:*.hooks.example.net"),
    "self_signed": lambda _, __, directory: self_signed(directory, NAME),
    "unknown_ca": lambda _, stranger, __: stranger.sign(NAME),
}
