"""The waits between dials: how steps are counted, and what each stands for."""

import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deribit_ws.backoff import Backoff

MIDDLE = 0.5


def middling() -> float:
    return MIDDLE


def highest() -> float:
    return 1.0 - 2**-53


def lowest() -> float:
    return 0.0


def test_nothing_failed() -> None:
    """Before anything has failed there is nothing to wait for, but a floor holds."""
    backoff = Backoff(30.0, middling)

    assert (backoff.wait(), backoff.wait(5.0)) == (0.0, 5.0)


@pytest.mark.parametrize(
    ("chance", "waits"),
    [
        (lowest, [0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 15.0]),
        (highest, [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]),
    ],
)
def test_waits(chance: Callable[[], float], waits: list[float]) -> None:
    """The first wait is U(0, 0.25 s), the k-th U(½, 1) of 0.25 s · 2^(k-1), or of the longest."""
    backoff = Backoff(30.0, chance)
    got = []
    for _ in waits:
        backoff.failed()
        got.append(backoff.wait())

    assert got == pytest.approx(waits)


def test_asking_again_changes_nothing() -> None:
    """Only a failure adds a step; asking for the wait does not."""
    backoff = Backoff(30.0, middling)
    backoff.failed()

    assert backoff.wait() == backoff.wait() == 0.125


@pytest.mark.parametrize(
    ("healthy", "steps"),
    [(0.0, 11), (0.99, 11), (1.0, 10), (1.99, 10), (4.5, 7), (9.0, 2), (29.9, 1), (30.0, 1), (1e9, 1)],
)
def test_healthy_seconds(healthy: float, steps: int) -> None:
    """Each full second of healthy life takes one step back, and a lost link adds one."""
    backoff = Backoff(30.0, middling)
    for _ in range(10):
        backoff.failed()
    backoff.failed(healthy)

    assert backoff.steps == steps


def test_half_a_minute_forgives_all() -> None:
    """Thirty healthy seconds take every step back, however many there are."""
    backoff = Backoff(30.0, middling)
    for _ in range(500):
        backoff.failed()
    backoff.failed(30.0)

    assert backoff.steps == 1


def test_no_overflow() -> None:
    """After any number of failures the wait is still the longest."""
    backoff = Backoff(30.0, highest)
    for _ in range(100_000):
        backoff.failed()

    assert backoff.wait() == pytest.approx(30.0)


@given(
    longest=st.floats(0.001, 3600),
    seed=st.integers(),
    lives=st.lists(st.floats(0, 100), min_size=1, max_size=50),
    floor=st.floats(0, 300),
)
def test_bounds(longest: float, seed: int, lives: list[float], floor: float) -> None:
    """No wait is below its floor or above the longest, unless the floor is; steps never fall below one."""
    backoff = Backoff(longest, random.Random(seed).random)
    for healthy in lives:
        backoff.failed(healthy)
        wait = backoff.wait(floor)

        assert floor <= wait <= max(floor, longest)
        assert backoff.steps >= 1
