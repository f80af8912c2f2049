"""What a contender is told to do, and what it says of it.

Knows the command line between `race` and a contender's process. Must not know any client. A contender is a
coroutine function that takes a `Job` and gives the `Count` that its callbacks have filled.
"""

import json
import resource
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from benchmarks import counting, delays
from benchmarks.counting import Count
from benchmarks.traffic import Prepared

_COUNTS: dict[tuple[str, bool], type[Count]] = {
    ("dict", False): counting.DictCount,
    ("typed", False): counting.TypedCount,
    ("bytes", False): counting.BytesCount,
    ("coroutine", False): counting.CoroutineCount,
    ("dict", True): delays.DictDelays,
    ("typed", True): delays.TypedDelays,
    ("coroutine", True): delays.CoroutineDelays,
}


@dataclass(frozen=True, slots=True)
class Options:
    """What differs between runs of one contender.

    Attributes:
        marks: after how many messages to note time and memory; the first one begins the measurement.
        delays: measure delays of stamped messages instead of counting.
        callbacks: how many there are on each channel.
        patterns: over how many registrations the channels are spread.
    """

    marks: list[int] = field(default_factory=lambda: [1000])
    delays: bool = False
    callbacks: int = 1
    patterns: int = 1


@dataclass(frozen=True, slots=True)
class Job:
    """One run of a contender.

    Attributes:
        url: where to connect.
        prepared: what will come.
        messages: how many of it.
        options: the rest.
    """

    url: str
    prepared: Prepared
    messages: int
    options: Options

    @property
    def names(self) -> list[str]:
        """The channels to subscribe."""
        return self.prepared.traffic.names()

    def count(self, form: str) -> Any:
        """Give what has the callbacks for payloads in this form: "dict", "typed", "bytes" or "coroutine"."""
        return _COUNTS[form, self.options.delays](self.messages, self.options.marks)

    @staticmethod
    def callback(count: Any, name: str) -> Callable[[Any], Any]:
        """Give what takes the messages of a channel, or of a pattern."""
        is_window = name.count(".") > 2
        found: Callable[[Any], Any] = getattr(count, "window" if is_window else name.partition(".")[0])
        return found

    def callbacks(self, count: Any) -> dict[str, Callable[[Any], Any]]:
        """Give the callback of each channel, as a hand-written loop keeps them."""
        found: dict[str, Callable[[Any], Any]] = {}
        for name in self.names:
            last = self.callback(count, name)
            found[name] = last if self.options.callbacks == 1 else _several(last, self.options.callbacks)
        return found

    def subscribe(self) -> str:
        """Give the request that a hand-written loop sends."""
        params = {"channels": self.names}
        return json.dumps({"jsonrpc": "2.0", "id": 1, "method": "public/subscribe", "params": params})


def ignored(data: Any) -> None:
    """Take what is counted by another callback of the same channel."""


def _several(last: Callable[[Any], Any], count: int) -> Callable[[Any], Any]:
    each = [ignored] * (count - 1)

    def call(data: Any) -> None:
        for one in each:
            one(data)
        last(data)

    return call


def report(count: Count) -> dict[str, Any]:
    """Say what was seen, and how long it took, for `race` to read."""
    return {
        "notes": count.notes,
        "sums": [count.n_trades, count.n_levels, count.n_bytes],
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,  # Linux counts KiB
        "figures": count.figures(),
    }
