"""What Prometheus may know of clients: `client.stats` as metrics.

Knows: prometheus-client (the extra `metrics`), and the snapshot each client gives. Must not know: where
the numbers come from, or who serves them. Users register a `ClientCollector`, and serve its registry as
they like; a scrape may come from any thread, as it only reads.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from deribit_ws.client import Client
from deribit_ws.client.lifecycle import State
from deribit_ws.client.stats import ClientStats

try:
    from prometheus_client import REGISTRY, CollectorRegistry
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
    from prometheus_client.registry import Collector
except ImportError:
    raise ImportError(
        "deribit_ws.metrics needs prometheus-client: pip install 'deribit_ws[metrics]'"
    ) from None

__all__ = ["ClientCollector"]

_PREFIX = "deribit_ws_"

# By label value; a value that is None has no sample.
_Values = Mapping[str, float | None]


@dataclass(frozen=True, slots=True)
class _Family:
    """One metric: its name without the prefix, what it says, and how it is read."""

    name: str
    says: str
    read: Callable[[ClientStats], _Values]
    label: str | None = None
    is_counter: bool = False

    def empty(self) -> CounterMetricFamily | GaugeMetricFamily:
        labels = ["client"] if self.label is None else ["client", self.label]
        make = CounterMetricFamily if self.is_counter else GaugeMetricFamily
        return make(_PREFIX + self.name, self.says, labels=labels)

    def filled(self, stats: Mapping[str, ClientStats]) -> Metric:
        family = self.empty()
        for client, snapshot in stats.items():
            for value, number in self.read(snapshot).items():
                if number is not None:
                    family.add_metric([client] if self.label is None else [client, value], number)
        return family


class ClientCollector(Collector):
    """Exports the `stats` of clients, one time series each, told apart by the label `client`.

    Args:
        clients: by the name each gets as its label. Read at each scrape: a client that is put there
            later is exported from then on, and one that is taken away no more.
        registry: where to register; prometheus-client's own by default, None nowhere.

    Raises:
        ValueError: the registry has these metrics already. Let one collector have all clients.
    """

    def __init__(
        self, clients: Mapping[str, Client], *, registry: CollectorRegistry | None = REGISTRY
    ) -> None:
        self._clients = clients
        if registry is not None:
            registry.register(self)

    def describe(self) -> Iterable[Metric]:
        """Give the metrics without values, for the registry to know their names."""
        return [family.empty() for family in _FAMILIES]

    def collect(self) -> Iterator[Metric]:
        """Give the metrics as they are now."""
        stats = {name: client.stats for name, client in list(self._clients.items())}
        for family in _FAMILIES:
            yield family.filled(stats)


def _gauge(name: str, says: str, read: Callable[[ClientStats], float | None]) -> _Family:
    return _Family(name, says, lambda stats: {"": read(stats)})


def _counter(name: str, says: str, read: Callable[[ClientStats], float | None]) -> _Family:
    return _Family(name, says, lambda stats: {"": read(stats)}, is_counter=True)


def _last_recovery(stats: ClientStats) -> float | None:
    recovered = [drop.recovered for drop in stats.last_drops if drop.recovered is not None]
    return recovered[-1] if recovered else None


_FAMILIES = (
    _gauge("connected", "1 while calls go out and data comes in.", lambda s: s.state is State.CONNECTED),
    _Family(
        "state",
        "Where the client is in its life: 1 for that state, 0 for the others.",
        lambda s: {state.value: state is s.state for state in State},
        label="state",
    ),
    _gauge("uptime_seconds", "Since the present link is live.", lambda s: s.uptime),
    _counter("connections", "Links that came to life.", lambda s: s.connections),
    _counter("dial_failures", "Dials that did not give a link.", lambda s: s.dials_failed),
    _Family("drops", "Links lost, by cause.", lambda s: s.drops, label="cause", is_counter=True),
    _gauge("last_recovery_seconds", "From the last drop to the next live link.", _last_recovery),
    _gauge("channels", "Channels confirmed on the present link.", lambda s: s.channels),
    _counter("messages", "Frames received.", lambda s: s.messages),
    _counter("received_bytes", "Bytes of the frames received.", lambda s: s.received_bytes),
    _gauge("lag_seconds", "From the exchange's time in a message to its receipt.", lambda s: s.lag),
    _gauge("queue_depth", "Messages waiting for callbacks and streams.", lambda s: s.queue_depth),
    _counter("dropped_messages", "Messages that slow consumers lost for newer ones.", lambda s: s.dropped),
    _counter("gaps", "Gaps of trades that nobody can give back.", lambda s: s.gaps),
    _counter("lost_trades", "Trades in those gaps.", lambda s: s.lost),
    _counter("book_resyncs", "Order books asked for anew after a doubt.", lambda s: s.resyncs),
    _counter("back_fills", "Readings of history after a drop or a gap.", lambda s: s.back_fills),
    _counter("recovered_events", "Trades and changes of own orders they gave.", lambda s: s.recovered),
    _gauge("round_trip_seconds", "Of the last sign of life.", lambda s: s.round_trip),
    _gauge("clock_offset_seconds", "The exchange's clock ahead of this machine's.", lambda s: s.clock_offset),
    _Family("credits_left", "Requests that may be sent now, by pool.", lambda s: s.credits, label="pool"),
    _counter("errors", "Errors that no call awaited.", lambda s: s.errors),
)
