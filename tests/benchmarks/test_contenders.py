"""The benchmarks run, and count right; how fast is nobody's concern here.

Contenders of others take part where their libraries are installed.
"""

from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks.contenders.table import CONTENDERS
from benchmarks.job import Options
from benchmarks.picture import Panel, draw
from benchmarks.race import Arena, Failed
from benchmarks.report import Goal
from benchmarks.restore import measure as measure_restore
from benchmarks.traffic import Traffic, prepare

KINDS = {"order-book": "book", "trades": "trades"}  # the others take all kinds
MESSAGES = 3_000


@pytest.fixture(scope="module")
def arena(tmp_path_factory: pytest.TempPathFactory) -> Arena:
    return Arena(tmp_path_factory.mktemp("frames"), 0.01)


@pytest.fixture(scope="module")
def port(arena: Arena) -> Iterator[int]:
    with arena.sender() as (port, _):
        yield port


@pytest.mark.parametrize("name", [name for name in CONTENDERS if name != "restored"])
def test_counts_what_was_sent(arena: Arena, port: int, name: str) -> None:
    """A contender sees every message, and its callbacks count in them what the sender has written."""
    contender = CONTENDERS[name]
    if missing := contender.missing():
        pytest.skip(f"not installed: {', '.join(missing)}")
    traffic = Traffic(KINDS.get(name, "mixed"), MESSAGES, 4, interval=contender.interval)

    outcome = arena.run(port, name, traffic)

    assert outcome.notes[-1][0] == MESSAGES
    assert outcome.rate > 0


def test_notices_skipped_work(arena: Arena, port: int) -> None:
    """A contender that has counted something else than was sent is no contender."""
    traffic = Traffic("mixed", MESSAGES, 4)
    prepared = prepare(traffic, arena.folder)
    told = Path(f"{prepared.path}.json")
    right = told.read_text()
    told.write_text(right.replace(str(prepared.sums[-1][1]), str(prepared.sums[-1][1] + 1)))

    try:
        with pytest.raises(Failed, match="saw"):
            arena.run(port, "typed", traffic)
    finally:
        told.write_text(right)


def test_measures_delays(arena: Arena, port: int) -> None:
    """Stamped messages come at the asked rate, and their delays are found."""
    traffic = Traffic("mixed", 500, stamped=True)

    options = Options(marks=[50], delays=True)
    outcome = arena.run(port, "typed", traffic, options, rate=2_000, messages=500)

    p50, p99, p999 = outcome.figures
    assert 0 < p50 <= p99 <= p999
    assert outcome.rate < 2_500


def test_measures_a_drop(arena: Arena) -> None:
    """A drop is followed call by call, until all channels have spoken again."""
    section = measure_restore(arena, 1, (3,))

    _, table = section.tables[0]
    steps = [float(cell) for cell in table.rows[0][1:]]
    assert all(step >= 0 for step in steps)
    assert steps[0] > 0


def test_draws_curves(tmp_path: Path) -> None:
    """A picture is well-formed, and has each curve."""
    panel = Panel("title", "x", "y", {"a < b": [(1, 0.5), (1000, 2)], "c": [(1, 1), (1000, 1)]})

    draw([panel, panel], tmp_path / "curves.svg")

    root = ElementTree.parse(tmp_path / "curves.svg").getroot()
    assert len(list(root.iter("{http://www.w3.org/2000/svg}polyline"))) == 4


@pytest.mark.parametrize(
    ("sign", "figures", "verdict"),
    [("≥", [2.0, 3.0, 1.0], "met"), ("≤", [2.0, 3.0, 4.0], "**not met**"), ("≥", [], "–")],
)
def test_judges_by_the_median(sign: str, figures: list[float], verdict: str) -> None:
    """A goal is met by the median of its rounds, and one that was not measured is not judged."""
    assert Goal("what", sign, 2.0, figures).row()[-1] == verdict
