"""Findings of a check: severity, subject and remedy."""

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How serious a finding is."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """One result of a check, printed as one line for the operator."""

    severity: Severity
    about: str
    text: str
    remedy: str = ""

    @property
    def fatal(self) -> bool:
        """Whether the service cannot work until it is resolved."""
        return self.severity is Severity.PROBLEM

    def __str__(self) -> str:
        line = f"{self.severity.value:8} {self.about:9} {self.text}"
        return f"{line}; {self.remedy}" if self.remedy else line


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Why a dependency cannot be used, and the remedy."""

    text: str
    remedy: str
    lasting: bool
    """Whether it lasts until an operator acts."""

    def found(self, about: str) -> Finding:
        """Return it as a finding that prevents the service from working."""
        return trouble(about, self.text, self.remedy)


def fine(about: str, text: str) -> Finding:
    """Return a finding without a problem."""
    return Finding(Severity.OK, about, text)


def warning(about: str, text: str, remedy: str) -> Finding:
    """Return a finding that does not prevent the service from working."""
    return Finding(Severity.WARNING, about, text, remedy)


def trouble(about: str, text: str, remedy: str) -> Finding:
    """Return a finding that prevents the service from working."""
    return Finding(Severity.PROBLEM, about, text, remedy)
