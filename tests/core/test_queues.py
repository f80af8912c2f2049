"""Queues that say what happens when they are full: each policy alone, all together, and how fast."""

from collections import Counter, defaultdict
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from deribit_ws.handlers.queues import BoundedQueue, Overflow, Verdict
from tests.core.counting import calls_made

LATEST, DROP, KEEP, FAIL, BLOCK = (
    Overflow.LATEST,
    Overflow.DROP_OLDEST,
    Overflow.KEEP,
    Overflow.FAIL,
    Overflow.BLOCK,
)


def drained(queue: BoundedQueue[Any]) -> list[Any]:
    return [queue.take() for _ in range(len(queue))]


def lost(queue: BoundedQueue[Any]) -> dict[str, int]:
    return dict(queue.take_lost())


@pytest.mark.parametrize("policy", Overflow)
def test_fifo(policy: Overflow) -> None:
    """With room, every policy is first in, first out, and keeps each item."""
    queue = BoundedQueue[int](8)
    verdicts = {queue.put("ab"[n % 2], 10, n, policy) for n in range(8)}

    assert (verdicts, len(queue), queue.bytes) == ({Verdict.FINE}, 8, 80)
    assert drained(queue) == list(range(8))
    assert (queue.bytes, lost(queue), queue.has_room) == (0, {}, True)


def test_empty() -> None:
    """Taking from an empty queue is a mistake, and changes nothing."""
    queue = BoundedQueue[int](1)
    with pytest.raises(IndexError):
        queue.take()

    assert (len(queue), queue.bytes) == (0, 0)


def test_latest() -> None:
    """Once full, only the newest of each channel is kept, at the turn of its oldest."""
    queue = BoundedQueue[str](4)
    for channel, item in [
        ("a", "a1"),
        ("b", "b1"),
        ("a", "a2"),
        ("c", "c1"),
        ("b", "b2"),
        ("a", "a3"),
        ("d", "d1"),
    ]:
        assert queue.put(channel, 1, item, LATEST) is Verdict.FINE

    assert drained(queue) == ["a3", "b2", "c1", "d1"]
    assert lost(queue) == {}


def test_latest_until_caught_up() -> None:
    """It stays at the newest until the consumer has caught up, and then keeps everything again."""
    queue = BoundedQueue[str](2)
    for item in ("a1", "b1", "a2"):
        queue.put(item[0], 1, item, LATEST)
    first = queue.take()
    queue.put("b", 1, "b2", LATEST)
    second = queue.take()
    queue.put("a", 1, "a3", LATEST)
    queue.put("a", 1, "a4", LATEST)

    assert (first, second) == ("a2", "b2")
    assert drained(queue) == ["a3", "a4"]


def test_latest_is_fair() -> None:
    """A channel that changes all the time still gets its turn."""
    queue = BoundedQueue[str](2)
    for channel in "abcdefgh":
        queue.put(channel, 1, channel, LATEST)
    taken = []
    for _ in range(8):
        queue.put("h", 1, "h", LATEST)
        taken.append(queue.take())

    assert taken == list("abcdefgh")


def test_drop_oldest() -> None:
    """Beyond the bound the oldest goes, and is counted by its channel."""
    queue = BoundedQueue[int](3)
    verdicts = [queue.put("ab"[n % 2], 1, n, DROP) for n in range(6)]

    assert verdicts == [Verdict.FINE] * 3 + [Verdict.LAGGED] * 3
    assert lost(queue) == {"a": 2, "b": 1}
    assert lost(queue) == {}
    assert drained(queue) == [3, 4, 5]


def test_drop_by_bytes() -> None:
    """A big item pushes out as many as it needs room for; one over the bound is taken alone."""
    queue = BoundedQueue[str](100, 100)
    for n in range(10):
        queue.put("a", 10, str(n), DROP)
    queue.put("b", 35, "big", DROP)

    assert (len(queue), queue.bytes, lost(queue)) == (7, 95, {"a": 4})
    assert queue.put("b", 500, "huge", DROP) is Verdict.LAGGED
    assert drained(queue) == ["huge"]


def test_keep() -> None:
    """What must be kept is bounded by bytes alone; what passes them is refused and counted."""
    queue = BoundedQueue[int](2, 100)
    verdicts = [queue.put("user.x", 10, n, KEEP) for n in range(12)]

    assert verdicts == [Verdict.FINE] * 10 + [Verdict.FULL] * 2
    assert (drained(queue), lost(queue)) == (list(range(10)), {"user.x": 2})


def test_fail() -> None:
    """Under fail, what is in the queue stays and what is beyond is refused, by items or by bytes."""
    by_items, by_bytes = BoundedQueue[int](2), BoundedQueue[int](100, 25)
    for queue in (by_items, by_bytes):
        verdicts = [queue.put("a", 10, n, FAIL) for n in range(3)]

        assert verdicts == [Verdict.FINE, Verdict.FINE, Verdict.FULL]
        assert (lost(queue), drained(queue)) == ({"a": 1}, [0, 1])


def test_block() -> None:
    """Under block everything is taken, and the reader asked to pause until there is room again."""
    queue = BoundedQueue[int](4)
    verdicts = [queue.put("a", 1, n, BLOCK) for n in range(6)]
    room = []
    for _ in range(6):
        room.append(queue.has_room)
        queue.take()

    assert verdicts == [Verdict.FINE] * 4 + [Verdict.PAUSE] * 2
    assert room == [False, False, False, False, True, True]


@pytest.mark.parametrize("policy", Overflow)
def test_any_size_when_empty(policy: Overflow) -> None:
    """An empty queue takes an item of any size."""
    queue = BoundedQueue[int](1, 10)

    assert queue.put("a", 1000, 1, policy) is Verdict.FINE
    assert queue.take() == 1


def test_events_make_room() -> None:
    """What may be dropped makes room for what must be kept, before a link is given up for it."""
    queue = BoundedQueue[str](100, 100)
    for n in range(9):
        queue.put("trades", 10, f"t{n}", DROP)
    verdicts = [queue.put("user.orders", 30, f"u{n}", KEEP) for n in range(4)]

    assert verdicts == [Verdict.LAGGED] * 3 + [Verdict.FULL]
    assert lost(queue) == {"trades": 9, "user.orders": 1}
    assert drained(queue) == ["u0", "u1", "u2"]


def test_events_behind_what_is_kept() -> None:
    """A queue full of what must be kept still gives the newest event a place."""
    queue = BoundedQueue[str](3)
    for n in range(5):
        queue.put("user.x", 1, f"u{n}", KEEP)
    for n in range(3):
        queue.put("trades", 1, f"t{n}", DROP)

    assert drained(queue) == ["u0", "u1", "u2", "u3", "u4", "t2"]
    assert lost(queue) == {"trades": 2}


def test_marks_keep_their_place() -> None:
    """Nothing overtakes a mark: what came before it is read before it, what came after, after."""
    queue = BoundedQueue[str](2)
    for channel, item in [
        ("a", "a1"),
        ("b", "b1"),
        ("a", "a2"),
        ("c", "c1"),
        ("", "Disconnected"),
        ("", "Connected"),
        ("a", "a3"),
        ("b", "b3"),
        ("a", "a4"),
    ]:
        assert queue.put(channel, 0, item, KEEP if not channel else LATEST) is Verdict.FINE

    assert drained(queue) == ["c1", "Disconnected", "Connected", "a4", "b3"]


def test_marks_always_fit() -> None:
    """A mark is taken however full the queue is: it must not cost the link."""
    queue = BoundedQueue[int](1, 10)
    queue.put("a", 1000, 0, BLOCK)
    queue.put("a", 1000, 1, BLOCK)

    assert queue.put("", 0, 2, KEEP) is Verdict.FINE
    assert drained(queue) == [0, 1, 2]


def test_clear() -> None:
    """Clearing drops everything, whatever its policy."""
    queue = BoundedQueue[int](4)
    for n, policy in enumerate([LATEST, DROP, KEEP, BLOCK, LATEST, LATEST, DROP]):
        queue.put(policy.value, 5, n, policy)
    queue.clear()

    assert (len(queue), queue.bytes, queue.has_room) == (0, 0, True)
    queue.put("a", 5, 7, LATEST)
    assert drained(queue) == [7]


def test_constant_cost() -> None:
    """A put or take costs the same however much is waiting, whatever the policies are."""

    def work(waiting: int) -> int:
        queue = BoundedQueue[int](1000, 1 << 40)
        for n in range(waiting):
            queue.put("user.x", 1, n, KEEP)
            queue.put(f"ticker.{n}", 1, n, LATEST)

        def turn() -> None:
            for n in range(500):
                queue.put(f"ticker.{n % 50}", 1, n, LATEST)
                queue.put("trades", 1, n, DROP)
                queue.put("user.x", 1, n, KEEP)
                queue.take()

        return calls_made(turn)

    assert work(20_000) <= 1.1 * work(2_000)


POLICIES = {
    "ticker.a": LATEST,
    "ticker.b": LATEST,
    "ticker.c": LATEST,
    "trades.a": DROP,
    "trades.b": DROP,
    "user.a": KEEP,
    "user.b": KEEP,
}


class Accounts(RuleBasedStateMachine):
    """All policies in one queue: what is put is taken, lost and counted, replaced, or waits."""

    def __init__(self) -> None:
        super().__init__()
        self.queue = BoundedQueue[tuple[str, int]](5, 60)
        self.number = 0
        self.put: dict[str, list[int]] = defaultdict(list)
        self.taken: dict[str, list[int]] = defaultdict(list)
        self.order: list[tuple[str, int]] = []
        self.refused: set[int] = set()
        self.lost: Counter[str] = Counter()
        self.sizes: dict[int, int] = {}

    @rule(channel=st.sampled_from(sorted(POLICIES)), size=st.integers(0, 40))
    def put_one(self, channel: str, size: int) -> None:
        self.number += 1
        self.sizes[self.number] = size
        before = sum(self.queue.lost.values())
        verdict = self.queue.put(channel, size, (channel, self.number), POLICIES[channel])
        self.put[channel].append(self.number)
        if verdict is Verdict.FULL:
            assert POLICIES[channel] is KEEP
            self.refused.add(self.number)
        elif sum(self.queue.lost.values()) > before:
            assert verdict is Verdict.LAGGED

    @rule()
    def put_mark(self) -> None:
        self.number += 1
        self.sizes[self.number] = 0
        self.put[""].append(self.number)
        assert self.queue.put("", 0, ("", self.number), KEEP) is Verdict.FINE

    @precondition(lambda self: len(self.queue) > 0)
    @rule()
    def take_one(self) -> None:
        channel, number = self.queue.take()
        self.taken[channel].append(number)
        self.order.append((channel, number))

    @rule()
    def take_lost(self) -> None:
        self.lost.update(dict(self.queue.take_lost()))

    @rule()
    def drain(self) -> None:
        while self.queue:
            self.take_one()
        assert self.queue.bytes == 0
        for channel, numbers in self.put.items():
            if POLICIES.get(channel) is LATEST:  # the newest always arrives
                assert self.taken[channel][-1] == numbers[-1]
        self.balance()

    def balance(self) -> None:
        self.take_lost()
        for channel, numbers in self.put.items():
            missing = set(numbers) - set(self.taken[channel])
            if channel == "":
                assert missing == set()
            elif POLICIES[channel] is KEEP:
                assert missing == self.refused & set(numbers)
                assert self.lost[channel] == len(missing)
            elif POLICIES[channel] is DROP:
                assert self.lost[channel] == len(missing)
            else:
                assert self.lost[channel] == 0

    @invariant()
    def in_order(self) -> None:
        for numbers in self.taken.values():
            assert numbers == sorted(set(numbers))

    @invariant()
    def marks_in_place(self) -> None:
        for at, (channel, number) in enumerate(self.order):
            if channel == "":
                assert all(other < number for _, other in self.order[:at])
                assert all(other > number for _, other in self.order[at + 1 :])

    @invariant()
    def bounded(self) -> None:
        kept = sum(
            len(numbers) for channel, numbers in self.put.items() if POLICIES.get(channel, KEEP) is KEEP
        )
        assert len(self.queue) <= 5 + 3 + 1 + kept
        assert (len(self.queue) == 0) <= (self.queue.bytes == 0)


TestAccounts = Accounts.TestCase
TestAccounts.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
