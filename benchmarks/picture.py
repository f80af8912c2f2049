"""Curves as an SVG, written by hand: a panel for each, both axes by powers of ten.

Knows coordinates. Must not know what the figures mean. `growth` calls it; no library is worth one picture.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

WIDTH, HEIGHT, MARGIN = 360, 240, 48  # of a panel, in px; the margin holds the axes' words
COLOURS = ("#1f77b4", "#d62728", "#2ca02c")
Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Panel:
    """One set of axes: what they are, and the curves by name."""

    title: str
    across: str
    up: str
    curves: Mapping[str, Points]


def draw(panels: Sequence[Panel], path: Path, columns: int = 2) -> None:
    """Write all panels, side by side."""
    rows = -(-len(panels) // columns)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{columns * WIDTH}" height="{rows * HEIGHT}"'
        ' font-family="sans-serif" font-size="11">',
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    for number, panel in enumerate(panels):
        x, y = number % columns * WIDTH, number // columns * HEIGHT
        parts.append(f'<g transform="translate({x},{y})">{_panel(panel)}</g>')
    path.write_text("\n".join([*parts, "</svg>\n"]))


class _Axis:
    """From a figure to a place, by its logarithm."""

    def __init__(self, figures: Sequence[float], start: float, end: float) -> None:
        self._low = math.floor(math.log10(min(figures)) + 1e-9)
        self._high = max(self._low + 1, math.ceil(math.log10(max(figures)) - 1e-9))
        self._start, self._end = start, end

    def place(self, figure: float) -> float:
        share = (math.log10(figure) - self._low) / (self._high - self._low)
        return round(self._start + share * (self._end - self._start), 1)

    def ticks(self) -> list[float]:
        return [10.0**power for power in range(self._low, self._high + 1)]


def _panel(panel: Panel) -> str:
    points = [point for curve in panel.curves.values() for point in curve]
    left, right, top, bottom = MARGIN, WIDTH - 16, 32, HEIGHT - MARGIN
    across = _Axis([x for x, _ in points], left, right)
    up = _Axis([y for _, y in points], bottom, top)
    parts = [_text(WIDTH / 2, 16, panel.title, "middle", bold=True)]
    for tick in across.ticks():
        x = across.place(tick)
        parts += [_line(x, bottom, x, top), _text(x, bottom + 14, _short(tick), "middle")]
    for tick in up.ticks():
        y = up.place(tick)
        parts += [_line(left, y, right, y), _text(left - 4, y + 4, _short(tick), "end")]
    parts += [_text(WIDTH / 2, HEIGHT - 16, panel.across, "middle"), _text(left, 28, panel.up, "start")]
    for number, (name, curve) in enumerate(panel.curves.items()):
        colour = COLOURS[number % len(COLOURS)]
        places = " ".join(f"{across.place(x)},{up.place(y)}" for x, y in curve)
        parts.append(f'<polyline points="{places}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts.append(_text(right - 4, top + 14 + 14 * number, name, "end", colour))
    return "".join(parts)


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="#ddd"/>'


def _text(x: float, y: float, text: str, anchor: str, colour: str = "black", bold: bool = False) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" fill="{colour}"{weight}>{escape(text)}</text>'


def _short(figure: float) -> str:
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if figure >= size:
            return f"{figure / size:g}{letter}"
    return f"{figure:g}"
