"""Tracer that exports OpenTelemetry spans by OTLP over HTTP; needs the extra `otel`."""

from types import TracebackType
from typing import Self

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode
from opentelemetry.trace import TraceFlags as Flags

from service import __version__

KINDS = {"ingest": SpanKind.CONSUMER, "attempt": SpanKind.CLIENT}


class RecordedSpan:
    """See `ports.Span`."""

    __slots__ = ("_span", "traceparent")

    def __init__(self, span: trace.Span) -> None:
        self._span = span
        at = span.get_span_context()
        self.traceparent = f"00-{at.trace_id:032x}-{at.span_id:016x}-{at.trace_flags:02x}"

    def note(self, **attributes: str | int | None) -> None:
        """See `ports.Span`."""
        for name, value in attributes.items():
            if value is not None:
                self._span.set_attribute(f"switchhook.{name}", value)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is not None:
            self._span.set_status(Status(StatusCode.ERROR, kind.__name__))
        self._span.end()


class OtelTracer:
    """See `ports.Tracer`. A thread exports spans in batches; it drops spans that are late.

    A trace that the switch began is recorded if its `sampled` flag is set; of the others a share
    of `sample_ratio` is.
    """

    def __init__(self, otlp_url: str, sample_ratio: float) -> None:
        self._provider = TracerProvider(
            sampler=ParentBased(TraceIdRatioBased(sample_ratio)),
            resource=Resource.create(
                {"service.name": "switchhook", "service.version": __version__}
            ),
            shutdown_on_exit=False,
        )
        exporter = OTLPSpanExporter(endpoint=otlp_url, timeout=5)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("switchhook", __version__)

    def span(self, name: str, above: str | None) -> RecordedSpan:
        """See `ports.Tracer`."""
        kind = KINDS.get(name, SpanKind.INTERNAL)
        context = trace.set_span_in_context(_remote(above)) if above else None
        return RecordedSpan(self._tracer.start_span(name, context, kind))

    def close(self) -> None:
        """See `ports.Tracer`: export the spans that wait, which may take seconds."""
        self._provider.shutdown()


def _remote(traceparent: str) -> trace.Span:
    _, trace_id, span_id, flags = (int(part, 16) for part in traceparent.split("-"))
    context = SpanContext(trace_id, span_id, is_remote=True, trace_flags=Flags(flags))
    return NonRecordingSpan(context)
