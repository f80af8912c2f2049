"""What one client was given while things went wrong, written down as it came.

Knows the shapes of what a user gets. Must not know which client gave it (`subject`, `naive`), or what is
right (`invariants`). Books alone are judged as they come, since only then it is known what they should be.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from deribit_ws import Gap
from deribit_ws.testing import SimulatedExchange
from tests.trades.scenario import Reader

Levels = Sequence[tuple[float, float]]


@dataclass
class Flow(Reader):
    """The trades that one subscription gave; `entered`: the last trade_seq of each instrument before it."""

    channel: str = ""
    entered: dict[str, int] = field(default_factory=dict)

    def first(self, name: str) -> int:
        """Give the first trade_seq of an instrument that it must have."""
        seqs = self.seqs[name]
        return min(seqs[0] if seqs else 1 << 60, self.entered.get(name, 0) + 1)

    def reached(self, name: str) -> int:
        """Give the last trade_seq delivered, declared lost, or from before it began."""
        return max(self.at(name), self.entered.get(name, 0))


@dataclass
class Looks:
    """A user's looks at one book."""

    exchange: SimulatedExchange
    instrument: str
    count: int = 0
    valid: bool = False
    change_id: int | None = None
    faults: list[str] = field(default_factory=list)

    def look(self, *, valid: bool, change_id: int | None, bids: Levels, asks: Levels) -> None:
        """Hold what is shown against the exchange's book at that change_id."""
        self.count += 1
        self.valid, self.change_id = valid, change_id
        if not valid:
            if bids or asks:
                self._blame("shows levels though it is not valid")
            return
        if bids and asks and bids[0][0] >= asks[0][0]:
            self._blame(f"crossed: {bids[0]} {asks[0]}")
        if change_id is None or (list(bids), list(asks)) != self.exchange.ledger.book_at(
            self.instrument, change_id
        ):
            self._blame(f"is not the exchange's at {change_id}")

    def _blame(self, what: str) -> None:
        if len(self.faults) < 10:
            self.faults.append(f"{self.instrument}: {what}")


@dataclass(frozen=True)
class Turn:
    """The link came up or was lost, as the consumer was told; `lived` in seconds, where it was lost."""

    at: float
    up: bool
    lived: float = 0.0
    code: int = 0


@dataclass
class Calls:
    """The calls a user made, each counted by how it ended."""

    begun: int = 0
    ended: Counter[str] = field(default_factory=Counter)
    twice: list[str] = field(default_factory=list)  # answers that were not to what was asked

    @property
    def pending(self) -> int:
        """Those that have not ended."""
        return self.begun - self.ended.total()


@dataclass
class Owned:
    """What the user did with orders, and heard of them.

    Attributes:
        placed: by label, the id of the order that the user was told of.
        absent: labels of orders that the user was told were not placed.
        unknown: labels of orders of which the user was told that nobody knows.
    """

    placed: dict[str, str] = field(default_factory=dict)
    absent: set[str] = field(default_factory=set)
    unknown: set[str] = field(default_factory=set)
    fills: list[dict[str, Any]] = field(default_factory=list)
    states: dict[str, dict[str, Any]] = field(default_factory=dict)
    entered_fills: int = 0  # of the account, before anybody listened


@dataclass
class Observed:
    """All of it.

    Attributes:
        turns: connected and disconnected, in the order the consumer was told, with when.
        told: the same for handlers.
        heard_at: when the stream last gave anything, on the loop's clock.
        silences: seconds without anything while the stream was thought to be connected.
    """

    flows: list[Flow] = field(default_factory=list)
    looks: dict[str, Looks] = field(default_factory=dict)
    turns: list[Turn] = field(default_factory=list)
    told: list[Any] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)
    calls: Calls = field(default_factory=Calls)
    owned: Owned = field(default_factory=Owned)
    counts: Counter[str] = field(default_factory=Counter)  # messages by what gave them
    channels: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    heard_at: float = 0.0
    longest_silence: float = 0.0

    def heard(self, now: float) -> None:
        """Note that something came, or was told."""
        if self.is_up and self.heard_at:
            self.longest_silence = max(self.longest_silence, now - self.heard_at)
        self.heard_at = now

    def turned(self, turn: Turn) -> None:
        """Note that the link came up or was lost."""
        self.heard(turn.at)
        self.turns.append(turn)

    @property
    def is_up(self) -> bool:
        """Tell whether the consumer was last told that there is a link."""
        return bool(self.turns) and self.turns[-1].up

    @property
    def drops(self) -> int:
        """Count the links lost."""
        return sum(not turn.up for turn in self.turns)

    def behind(self, last: Callable[[str], int], names: tuple[str, ...]) -> list[str]:
        """Say which trades have not come yet, in words."""
        return [
            f"{flow.channel}: {name} at {flow.reached(name)} of {last(name)}"
            for flow in self.flows
            for name in filter(flow.is_about, names)
            if flow.reached(name) < last(name)
        ]
