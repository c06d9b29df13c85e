"""A tracer that records nothing: it passes trace context from the switch to the receiver."""

from types import TracebackType
from typing import Self

from service.domain.trace import new_traceparent


class PassedOn:
    """See `ports.Span`: a span that is not recorded."""

    __slots__ = ("traceparent",)

    def __init__(self, traceparent: str) -> None:
        self.traceparent = traceparent

    def note(self, **_: str | int | None) -> None:
        """See `ports.Span`."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        return None


class PassingOn:
    """See `ports.Tracer`."""

    def span(self, _: str, above: str | None) -> PassedOn:
        """See `ports.Tracer`."""
        return PassedOn(above or new_traceparent())

    def close(self) -> None:
        """See `ports.Tracer`."""
