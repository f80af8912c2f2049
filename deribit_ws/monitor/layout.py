"""How the lines of a screen are shared out among its parts.

Knows: how many lines each part needs and wants. Must not know: what the parts show, or rich. `view` asks it
at each picture, so that a resized terminal is filled anew.
"""

from dataclasses import dataclass

HEAD = 4  # title, connection, figures, rule
PANEL_WIDTH = 38  # columns of the narrowest panel: a ladder's four figures
PANEL_LINES = 6  # a title, and five levels
_DROPS_HEAD = 2  # rule, header
_FEW = 3  # channels that are shown before all else


@dataclass(frozen=True, slots=True)
class Shares:
    """Lines for each part; `channels` and `drops` without their headers, `panels` without their rule."""

    channels: int
    panels: int
    drops: int
    notes: int


def shares(height: int, *, channels: int, panels: int, drops: int, notes: int) -> Shares:
    """Share out a screen's lines; the arguments say how many there are of each to show."""
    left = max(0, height - HEAD - 1)  # the header of the channels
    least = {
        "channels": (min(channels, _FEW, left), 0),  # lines, and those that come before them
        "drops": (1, _DROPS_HEAD),
        "panels": (PANEL_LINES if panels else 0, 1),
        "notes": (min(notes, 1), 0),
    }
    taken = dict.fromkeys(least, 0)
    for part, (lines, before) in least.items():
        if lines and lines + before <= left:
            taken[part] = lines
            left -= lines + before
    for part, wanted in {"channels": channels, "drops": drops, "notes": notes}.items():
        more = max(0, min(left, wanted - taken[part])) if taken[part] else 0
        taken[part] += more
        left -= more
    if taken["panels"]:
        taken["panels"] += left
    return Shares(**taken)


def grid(width: int, lines: int, panels: int) -> tuple[int, int]:
    """How many panels stand beside each other, and how many rows of them are shown."""
    across = max(1, min(panels, width // PANEL_WIDTH))
    down = min(-(-panels // across), max(1, lines // (PANEL_LINES + 1)))
    return across, down
