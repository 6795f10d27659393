"""A small OTLP/HTTP collector: a real listener that reads what the SDK's exporter sends."""

import contextlib
import gzip
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from tests.posted import Post, Said, posted


@dataclass
class Collector:
    url: str = ""
    spans: list[Any] = field(default_factory=list)
    service: str = ""

    def named(self, name: str) -> list[Any]:
        return [span for span in self.spans if span.name == name]

    def take(self, body: bytes) -> None:
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            told = {row.key: row.value.string_value for row in resource.resource.attributes}
            self.service = told["service.name"]
            for scope in resource.scope_spans:
                self.spans.extend(scope.spans)


def attributes(span: Any) -> dict[str, Any]:
    return {row.key: getattr(row.value, row.value.WhichOneof("value")) for row in span.attributes}


@contextlib.contextmanager
def collecting() -> Iterator[Collector]:
    found, type_ = Collector(), {"Content-Type": "application/x-protobuf"}

    def take(post: Post) -> Said:
        found.take(gzip.decompress(post.body) if post.headers.get("content-encoding") == "gzip" else post.body)
        return Said(body=ExportTraceServiceResponse().SerializeToString(), headers=type_)

    with posted(take) as found.url:
        yield found
