"""Pools of credits on literal figures: what is left, what is kept back, and what is not counted on."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deribit_ws.credits import LATE_SECONDS, Lane, Pool


def general() -> Pool:
    """The pool that every account has: 20 requests a second after 100."""
    return Pool("non_matching_engine", 20.0, 100.0, reserving=True, last=2.0)


def sent_at_once(pool: Pool, lane: Lane, now: float = 0.0) -> int:
    """Send requests of one until the pool refuses; give how many went."""
    count = 0
    while pool.is_free(1.0, lane, now):
        pool.take(1.0)
        count += 1
    return count


def test_burst() -> None:
    """Of a burst of 100 ordinary calls get 86, urgent ones 8 more, and 2 are left to what never asks."""
    pool = general()

    assert sent_at_once(pool, Lane.ORDINARY) == 86
    assert sent_at_once(pool, Lane.URGENT) == 8
    assert pool.left(0.0) == pytest.approx(2.0)


def test_spent_without_asking() -> None:
    """What is sent without asking is counted even where nothing is left, and has to be refilled first."""
    pool = general()
    pool.drain(0.0)
    for _ in range(3):
        pool.spend(1.0, 0.0)

    assert pool.left(0.0) == -3.0
    assert pool.wait(1.0, Lane.URGENT, 0.0) == pytest.approx(6 / 19.6)  # 3 owed, 2 left alone, 1 to send


def test_refill() -> None:
    """A drained pool refills at 98 % of the exchange's rate, so that clocks that differ do no harm."""
    pool = general()
    pool.drain(10.0)

    assert pool.left(11.0) == pytest.approx(19.6)


def test_the_unanswered_is_not_refilled() -> None:
    """What has no answer yet is not refilled, however long it takes; once answered it is, at the rate."""
    pool = general()
    for _ in range(50):
        pool.take(1.0)

    assert pool.left(1_000.0) == pytest.approx(46.0)
    for _ in range(50):
        pool.answered(1.0, 1_000.0)
    assert pool.left(1_000.0) == pytest.approx(46.0)
    assert pool.left(1_001.0) == pytest.approx(46.0 + 19.6)


def test_a_late_answer() -> None:
    """What is answered late is refilled from its answer on, not from before."""
    pool = general()
    pool.take(20.0)
    pool.left(1.0)
    pool.answered(20.0, 3.0)

    assert pool.left(3.0) == pytest.approx(76.0)


def test_refund() -> None:
    """What was taken and never sent leaves the pool as if it had not been taken."""
    pool = general()
    pool.take(5.0)
    pool.refund(5.0)

    assert pool.left(0.0) == pytest.approx(96.0)


def test_wait() -> None:
    """The wait is until the cost and what is kept back are refilled, and infinite until an answer comes."""
    pool = Pool("subscribe", 10 / 3, 10.0)
    pool.drain(0.0)

    assert pool.wait(1.0, Lane.ORDINARY, 0.0) == pytest.approx(0.3 / 0.98)
    sent_at_once(pool, Lane.ORDINARY, 1_000.0)
    assert pool.wait(1.0, Lane.ORDINARY, 2_000.0) == math.inf


def test_too_dear_for_the_pool() -> None:
    """What costs more than a pool ever holds goes when it is full, and is owed."""
    pool = Pool("maximum_quotes", 10.0, 50.0)

    assert pool.wait(200.0, Lane.ORDINARY, 0.0) == 0.0
    pool.take(200.0)
    pool.answered(200.0, 0.0)
    assert pool.left(0.0) == pytest.approx(48.0 - 200.0)
    assert pool.wait(200.0, Lane.ORDINARY, 0.0) == pytest.approx(200.0 / 9.8)


@pytest.mark.parametrize(("rate", "burst"), [(1.0, 1.0), (2.0, 2.0), (10.0, 1.0), (500.0, 2.0), (0.1, 1.5)])
@pytest.mark.parametrize("reserving", [False, True])
def test_smallest_pools(rate: float, burst: float, reserving: bool) -> None:
    """However little an account grants, one ordinary request at a time goes through."""
    pool = Pool("trading", rate, burst, reserving=reserving)
    for now in (0.0, 100.0, 200.0):
        assert pool.is_free(1.0, Lane.ORDINARY, now)
        pool.take(1.0)
        pool.answered(1.0, now)


def test_pause() -> None:
    """A pause holds ordinary requests to its end, urgent ones not at all; a shorter one changes nothing."""
    pool = general()
    pool.pause(5.0)
    pool.pause(3.0)

    assert pool.wait(1.0, Lane.ORDINARY, 1.0) == 4.0
    assert pool.wait(1.0, Lane.URGENT, 1.0) == 0.0
    assert pool.wait(1.0, Lane.ORDINARY, 5.0) == 0.0


@pytest.mark.parametrize(
    ("rate", "burst", "left", "later"),
    [(30.0, 100.0, 19.0, 19.0 + 29.4), (5.0, 10.0, 9.0, 9.0), (5.0, 20.0, 19.0, 19.0)],
)
def test_resize(rate: float, burst: float, left: float, later: float) -> None:
    """A pool that grows keeps what was left and fills up at its new rate; one that shrinks holds no more."""
    pool = Pool("trading", 5.0, 20.0)
    pool.resize(rate, burst, 7.0)

    assert pool.left(7.0) == pytest.approx(left)
    assert pool.left(8.0) == pytest.approx(later)


@given(
    steps=st.lists(
        st.tuples(st.floats(0, 2), st.integers(1, 5), st.booleans(), st.floats(0, 30)),
        min_size=1,
        max_size=60,
    ),
    rate=st.floats(0.5, 200),
    burst=st.floats(5, 300),
)
def test_never_more_than_there_is(
    steps: list[tuple[float, int, bool, float]], rate: float, burst: float
) -> None:
    """However late what was sent arrives, the exchange's pool then holds what it costs.

    The exchange's pool is reckoned here on its own: it refills at its rate and pays on arrival. An
    awaited request arrives any time before its answer, one that is given up within 0.2 s.
    """
    pool = Pool("any", rate, burst)
    arrivals: list[tuple[float, int]] = []
    answers: list[tuple[float, int]] = []
    now = 0.0
    for pause, cost, awaited, delay in steps:
        now += pause
        for at, paid in sorted(answer for answer in answers if answer[0] <= now):
            pool.answered(paid, at)
        answers = [answer for answer in answers if answer[0] > now]
        if pool.is_free(cost, Lane.ORDINARY, now):
            pool.take(cost)
            late = delay if awaited else min(delay, LATE_SECONDS)
            arrivals.append((now + late, cost))
            answers.append((now + late if awaited else now, cost))
    level, last = burst, 0.0
    for at, cost in sorted(arrivals):
        level = min(burst, level + (at - last) * rate) - cost
        last = at

        assert level >= -1e-6


def test_a_link_that_was_silent() -> None:
    """Of what was sent into a silent link nothing came late: the pool is as full as if all came at once."""
    pool = general()
    for second in range(20):
        pool.left(second)
        for _ in range(4):
            pool.take(1.0)
    for _ in range(80):
        pool.answered(1.0, 20.0)
    assert pool.left(20.0) == pytest.approx(16.0)
    pool.never_late(20.0)

    assert pool.left(20.0) == pytest.approx(96.0)


def test_a_link_that_was_silent_and_drained() -> None:
    """What the exchange said to be gone stays gone, and refills from then on."""
    pool = general()
    pool.take(50.0)
    pool.drain(10.0)
    pool.answered(50.0, 11.0)
    pool.never_late(11.0)

    assert pool.left(11.0) == pytest.approx(19.6)


def test_a_burst_into_a_silent_link() -> None:
    """What was sent in the last moment before it counts in full."""
    pool = general()
    pool.left(9.9)
    pool.take(80.0)
    pool.answered(80.0, 10.0)
    pool.never_late(10.0)

    assert pool.left(10.0) == pytest.approx(16.0 + 0.1 * 19.6)
