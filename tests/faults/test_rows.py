"""A share of the scoreboard: five seeds of each row in virtual time, one over sockets; and the controls.

`make faults` plays the whole of it. Times are judged in virtual time alone: a busy machine is no fault.
"""

import pytest

from tests.faults.command import main
from tests.faults.naive import Naive
from tests.faults.playing import Verdict, verdict
from tests.faults.row import ROWS, Scene
from tests.faults.score import MOST_BYTES, Standing, naive_total, total
from tests.faults.scoreboard import enter_all
from tests.faults.stage import Layer, Recovery

SEEDS = 5
enter_all()


def scenes(layer: Layer) -> list[object]:
    """Give a parameter for each scene of a layer that has no tests of its own elsewhere."""
    return [
        pytest.param(number, scene, id=f"{number}-{getattr(scene.play, '__name__', '')}")
        for number, row in sorted(ROWS.items())
        for scene in row.scenes
        if scene.layer is layer and scene.is_quick and scene.play
    ]


@pytest.mark.timeout(240)
@pytest.mark.parametrize(("number", "scene"), scenes(Layer.MEMORY))
def test_in_virtual_time(number: int, scene: Scene) -> None:
    """The row holds in every seed, and within its bound."""
    for seed in range(min(SEEDS, scene.most_seeds)):
        result = verdict(number, scene, seed)

        assert result.survived, f"row {number}, seed {seed}: {result.fault}"


@pytest.mark.timeout(120)
@pytest.mark.parametrize(("number", "scene"), scenes(Layer.SOCKETS))
def test_over_sockets(number: int, scene: Scene) -> None:
    """The row holds over real sockets."""
    if reason := scene.why_not():
        pytest.skip(reason)
    result = verdict(number, scene, 0, timed=False)

    assert result.survived, f"row {number}: {result.fault}"


@pytest.mark.parametrize("number", [10, 11, 14])
def test_the_naive_client_falls(number: int) -> None:
    """The judge can say no: rows that a naive client can't survive it does not."""
    scene = next(scene for scene in ROWS[number].scenes if scene.layer is Layer.MEMORY)

    assert not all(verdict(number, scene, seed, Naive).survived for seed in range(SEEDS))


def test_the_naive_client_holds_where_nothing_goes_wrong() -> None:
    """The judge can say yes to it: without a fault it has all that it should."""
    scene = ROWS[0].scenes[0]

    assert verdict(0, scene, 0, Naive).fault == ""


def test_a_row_counts_only_whole() -> None:
    """One seed of many that fell, one that was late, or memory that grew, and the row does not count."""
    row = ROWS[9]

    def standing(*verdicts: Verdict) -> Standing:
        one = Standing(row)
        one.add(list(verdicts))
        return one

    held = [Verdict(9, "memory", seed, blocks=1000) for seed in range(4)]
    assert standing(*held).survived
    assert not standing(*held, Verdict(9, "memory", 4, fault="late", blocks=1000)).survived
    assert not standing(*held, Verdict(9, "memory", 4, blocks=1000 + MOST_BYTES)).survived
    assert not Standing(row).survived
    assert total([standing(*held), Standing(row)]) == (1, 1)
    assert naive_total([standing(*held)]) == (0, 0)


def test_late_is_fallen() -> None:
    """What took longer than its bound is late."""
    assert Recovery(0.61, 0.6).is_late
    assert not Recovery(0.6, 0.6).is_late


def test_unknown_row(capsys: pytest.CaptureFixture[str]) -> None:
    """A row that there is not is said in a line."""
    assert main(["99"]) == 2
    assert "no row" in capsys.readouterr().err
