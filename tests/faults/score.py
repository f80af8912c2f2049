"""What many verdicts come to: of a row its seeds passed, its times, its memory; and of all rows the score.

Knows verdicts and percentiles. Must not know how rows are played (`playing`), or printed (`command`).
"""

import math
from dataclasses import dataclass, field

from tests.faults.playing import Verdict
from tests.faults.row import Row
from tests.faults.stage import Recovery

BLOCK_BYTES = 64  # about what one of the interpreter's blocks of memory takes here, on average
MOST_BYTES = 1024 * 1024  # a thousand faults may cost so much (G7)
WARM = 2  # seeds after which what is made once is made


@dataclass
class Standing:
    """How a row stands.

    Attributes:
        verdicts: of all its scenes and seeds, each scene's in the order they were played.
        skipped: why some layer of it was not played.
        naive: the same of the naive client; none where it has no part in the row.
    """

    row: Row
    verdicts: list[Verdict] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    naive: list[Verdict] = field(default_factory=list)
    growth: int = 0  # bytes, the most of any scene over its seeds

    @property
    def is_played(self) -> bool:
        """Tell whether any of it could be played."""
        return bool(self.verdicts)

    @property
    def survived(self) -> bool:
        """Tell whether it held in every seed, and memory did not grow."""
        return self.is_played and all(one.survived for one in self.verdicts) and self.growth <= MOST_BYTES

    @property
    def fallen(self) -> list[Verdict]:
        """Give the verdicts that say that something was wrong."""
        return [one for one in self.verdicts if not one.survived]

    @property
    def recoveries(self) -> list[Recovery]:
        """Give all times that were measured."""
        return [recovery for one in self.verdicts for recovery in one.recoveries]

    def seeds(self) -> str:
        """Say how many seeds passed, by layer."""
        layers = dict.fromkeys(one.layer for one in self.verdicts)
        words = []
        for layer in layers:
            of_layer = [one for one in self.verdicts if one.layer == layer]
            words.append(f"{layer} {sum(one.survived for one in of_layer)}/{len(of_layer)}")
        return ", ".join(words + [f"{layer} skipped" for layer in self.skipped])

    def percentile(self, share: float) -> float | None:
        """Give the recovery time in seconds that so many of them kept to; None where none was measured."""
        times = sorted(one.seconds for one in self.recoveries)
        return times[min(len(times) - 1, math.ceil(share * len(times)) - 1)] if times else None

    def bound(self) -> float | None:
        """Give the largest bound in seconds; None where none applies."""
        return max((one.bound for one in self.recoveries), default=None)

    def naive_word(self) -> str:
        """Say in a word how the naive client fared."""
        if not self.naive:
            return "-"
        return "survived" if all(one.survived for one in self.naive) else "fell"

    def add(self, verdicts: list[Verdict]) -> None:
        """Take the verdicts of one scene, in the order in which one process came to them."""
        self.verdicts += verdicts
        if len(verdicts) > WARM:
            blocks = verdicts[-1].blocks - verdicts[WARM - 1].blocks
            allowed = max(1.0, sum(one.drops for one in verdicts[WARM:]) / 1000)
            self.growth = max(self.growth, int(blocks * BLOCK_BYTES / allowed))


def total(standings: list[Standing]) -> tuple[int, int]:
    """Give how many rows survived, and how many were played; the controls (row 0) count in neither."""
    rows = [one for one in standings if one.row.number and one.is_played]
    return sum(one.survived for one in rows), len(rows)


def naive_total(standings: list[Standing]) -> tuple[int, int]:
    """Give the same of the naive client, of the rows it has a part in."""
    rows = [one for one in standings if one.row.number and one.naive]
    return sum(one.naive_word() == "survived" for one in rows), len(rows)
