"""A row of the scoreboard: one fault, where it can be played, and what must be seen of it.

Knows: what a row is, and how they are found by number. Must not know: any of them. The rooms `connect`,
`disconnect`, `bad_bytes`, `integrity`, `session` and `own_side` hold them, as functions of a stage.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from tests.faults.stage import Layer, Stage

Play = Callable[[Stage], Awaitable[None]]
Alone = Callable[[int], Awaitable[float | int]]  # of a seed; what plays a scene of its own
Why = Callable[[], str | None]  # why something can't be played here; None where it can

BOTH = (Layer.MEMORY, Layer.SOCKETS)
MANY = 1000  # seeds: as many as asked for
SOCKETS = (Layer.SOCKETS,)
MEMORY = (Layer.MEMORY,)


@dataclass(frozen=True)
class Scene:
    """One way to play a row.

    Attributes:
        play: what befalls a client that is up and has everything open; `cold`: one that has not begun.
        alone: instead, what plays a scene without our stage, for a seed.
        bound: seconds `alone` may report as its recovery; None where it reports something else.
        most_seeds: seeds it is played for at most; the slow ones say so.
    """

    layer: Layer
    play: Play | None = None
    alone: Alone | None = None
    cold: bool = False
    options: dict[str, Any] = field(default_factory=dict)
    exchange: dict[str, Any] = field(default_factory=dict)
    bound: float | None = None
    most_seeds: int = MANY
    why_not: Why = lambda: None

    @property
    def is_quick(self) -> bool:
        """Tell whether the suite plays it: in real time, not those that are played for a few seeds only."""
        return self.layer is Layer.MEMORY or self.most_seeds >= MANY


@dataclass(frozen=True)
class Row:
    """One fault, and the scenes in which it is played."""

    number: int
    title: str
    scenes: list[Scene] = field(default_factory=list)


ROWS: dict[int, Row] = {}


def row(
    number: int,
    title: str,
    layers: tuple[Layer, ...] = BOTH,
    *,
    cold: bool = False,
    exchange: dict[str, Any] | None = None,
    most_seeds: int = MANY,
    **options: Any,
) -> Callable[[Play], Play]:
    """Have a function be a scene of a row in each of some layers; `options` are the client's."""

    def enter(play: Play) -> Play:
        entry = ROWS.setdefault(number, Row(number, title))
        entry.scenes.extend(
            Scene(layer, play, cold=cold, options=options, exchange=exchange or {}, most_seeds=most_seeds)
            for layer in layers
        )
        return play

    return enter


def alone(
    number: int,
    title: str,
    layer: Layer,
    play: Alone,
    *,
    bound: float | None = None,
    why_not: Why | None = None,
    most_seeds: int = MANY,
) -> None:
    """Have something that plays a scene of its own be one of a row."""
    entry = ROWS.setdefault(number, Row(number, title))
    why = why_not or (lambda: None)
    entry.scenes.append(Scene(layer, alone=play, bound=bound, why_not=why, most_seeds=most_seeds))
