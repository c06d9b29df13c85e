"""A finding of an examination: its severity, its subject and its remedy."""

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How much a finding matters."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line for the operator."""

    severity: Severity
    about: str
    text: str
    remedy: str = ""

    @property
    def fatal(self) -> bool:
        """Whether the service cannot work like this."""
        return self.severity is Severity.PROBLEM

    def __str__(self) -> str:
        line = f"{self.severity.value:8} {self.about:9} {self.text}"
        return f"{line}; {self.remedy}" if self.remedy else line


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The reason why a dependency cannot be used, and its remedy."""

    text: str
    remedy: str
    lasting: bool
    """Whether waiting is no help: a person must act."""

    def found(self, about: str) -> Finding:
        """Return it as a finding: as things are, the service cannot work."""
        return trouble(about, self.text, self.remedy)


def fine(about: str, text: str) -> Finding:
    """Return a finding that says all is well."""
    return Finding(Severity.OK, about, text)


def warning(about: str, text: str, remedy: str) -> Finding:
    """Return a finding that the service can work with."""
    return Finding(Severity.WARNING, about, text, remedy)


def trouble(about: str, text: str, remedy: str) -> Finding:
    """Return a finding that the service cannot work with."""
    return Finding(Severity.PROBLEM, about, text, remedy)
