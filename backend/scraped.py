"""What the API knows as Prometheus metrics, read at the moment of the scrape."""

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

P = TypeVar("P")


class Scraped(Collector, Generic[P]):
    """``plane`` answers None before the application started and after it stopped: then there are none."""

    def __init__(self, plane: Callable[[], P | None]) -> None:
        self._plane = plane

    def describe(self) -> Iterator[Metric]:
        yield from ()

    def collect(self) -> Iterator[Metric]:
        plane = self._plane()
        if plane is not None:
            yield from self.of(plane)

    @abstractmethod
    def of(self, plane: P) -> Iterable[Metric]:
        """The metrics of an application that runs."""
