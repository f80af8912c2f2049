"""The link is cut after every so many bytes of a whole dialogue: books, trades, orders and calls come right.

A share of the steps; `python -m tests.recovery.stairway` takes them all.
"""

import pytest

from tests.recovery.stairway import Plan, over_sockets, planned
from tests.recovery.step import Step, run

STEPS = 16  # of each way, in memory
SOCKET_STEPS = 4


@pytest.mark.parametrize("way", ["up", "down", "both"])
def test_whatever_byte_is_the_last(way: str) -> None:
    """After each cut nothing is lost, nothing comes twice, and nothing the user was told is untrue."""
    plan = planned(way)
    outcomes = [run(Step(way, nbytes)) for nbytes in range(1, plan.total, plan.total // STEPS)]

    assert [(one.step, one.fault) for one in outcomes if one.fault] == []
    assert all(one.was_cut and one.links > 1 for one in outcomes[:-1])  # the last may come too late


def test_over_sockets() -> None:
    """The same over loopback, through a proxy that cuts."""
    totals = {"up": 4_000, "down": 50_000, "both": 54_000}  # bytes, about what the dialogue takes
    outcomes = over_sockets(
        [
            Step(way, nbytes, sockets=True)
            for way, total in totals.items()
            for nbytes in range(7, total, total // SOCKET_STEPS)
        ]
    )

    assert [(one.step, one.fault) for one in outcomes if one.fault] == []
    assert all(one.links > 1 for one in outcomes)


def test_edges_of_frames_are_places() -> None:
    """A plan cuts just before, at and just after the edge of each frame, beside what it was given."""
    places = Plan(100, frozenset({0, 40, 99})).places(range(0, 100, 30))

    assert places == [0, 1, 30, 39, 40, 41, 60, 90, 98, 99]
