"""The reckoning of trades, without a link: what is handed out, held, asked for and declared lost."""

import os
import random
from collections import deque
from typing import Any

import pytest

from deribit_ws import Gap, Trade
from deribit_ws.tradeflow import BadAnswer, BySeq, ByTime, Flow, InstrumentFlow, KindFlow
from deribit_ws.tradeflow.requests import number_of

GAMES = int(os.environ.get("DERIBIT_WS_GAMES", "100"))  # of each kind; more by hand
HOLD = 5.0


def made(seq: int, name: str = "A", at: int | None = None) -> Trade:
    """Give a trade whose time and id rise with its trade_seq, unless told."""
    at = 1000 * seq if at is None else at
    return Trade(
        timestamp=at, price=1.0, amount=1.0, direction="buy", instrument_name=name, trade_seq=seq,
        trade_id=str(at * 10 + seq % 10),
    )  # fmt: skip


def some(*seqs: int, name: str = "A") -> list[Trade]:
    return [made(seq, name) for seq in seqs]


def taken(flow: Flow) -> list[Any]:
    """Take all that is ready: trade_seqs, and gaps as (first, last)."""
    out: list[Any] = []
    while flow.ready:
        item = flow.take()
        out.append(item.trade_seq if isinstance(item, Trade) else (item.first, item.last))  # type: ignore[union-attr]
    return out


@pytest.fixture
def flow() -> InstrumentFlow:
    """A flow of A that begins after trade 10."""
    made_flow = InstrumentFlow("A", maxsize=100, shows_gaps=True)
    made_flow.begin("A", some(10))
    return made_flow


def test_trades_in_order_go_straight_through(flow: InstrumentFlow) -> None:
    """What comes in order is ready at once, and nothing is asked."""
    flow.live(some(11, 12, 13))

    assert taken(flow) == [11, 12, 13]
    assert flow.wanted() is None
    assert not flow.is_troubled


def test_what_there_was_no_room_for_is_declared_at_the_end() -> None:
    """Live trades that a slow reader left no room for, and that history can't give any more, are one gap."""
    flow = InstrumentFlow("A", maxsize=2, shows_gaps=True)
    flow.begin("A", some(10))
    for seq in range(11, 20):
        flow.live(some(seq))
    flow.finish()

    assert taken(flow) == [11, 12, 13, 14, (15, 19)]
    assert flow.lost == 5


def test_a_copy_is_dropped_and_counted(flow: InstrumentFlow) -> None:
    """A trade that comes again is dropped, and counted."""
    flow.live(some(11, 12))
    flow.live(some(11, 12, 13))

    assert taken(flow) == [11, 12, 13]
    assert flow.duplicates == 2


def test_a_hole_is_asked_for_and_what_came_later_waits(flow: InstrumentFlow) -> None:
    """Behind a hole trades wait, and history is asked from the first missing one on."""
    flow.live(some(11, 14, 13))

    assert taken(flow) == [11]
    request = flow.wanted()
    assert request == BySeq("A", 12, 100)
    assert flow.answer(request, some(12, 13, 14), has_more=False)
    assert taken(flow) == [12, 13, 14]
    assert (flow.recovered, flow.lost, flow.is_troubled) == (1, 0, False)


def test_a_late_baseline_does_not_cut_off_what_is_live(flow: InstrumentFlow) -> None:
    """The first live trade sets where the stream begins, though a newer one was read."""
    flow.live(some(9, 10, 11))

    assert taken(flow) == [9, 10, 11]


def test_an_old_copy_does_not_begin_the_stream_anew(flow: InstrumentFlow) -> None:
    """Once a trade was handed out, earlier ones are copies."""
    flow.live(some(11))
    flow.live(some(9, 10, 12))

    assert taken(flow) == [11, 12]


def test_a_live_trade_before_the_baseline_begins_the_stream() -> None:
    """A trade that comes while the newest one is being read is where the stream begins."""
    flow = InstrumentFlow("A", maxsize=100)
    flow.live(some(8, 9))
    flow.begin("A", some(10))
    flow.live(some(10, 11))

    assert taken(flow) == [8, 9, 10, 11]


def test_a_doubt_asks_for_all_after_the_last(flow: InstrumentFlow) -> None:
    """After a drop history is asked at once, page by page, with no live trade needed."""
    flow.doubt()
    request = flow.wanted()
    assert request == BySeq("A", 11, 100)
    flow.answer(request, some(11, 12), has_more=True)
    again = flow.wanted()
    assert again == BySeq("A", 13, 98)
    flow.answer(again, [], has_more=False)

    assert taken(flow) == [11, 12]
    assert flow.wanted() is None


def test_a_doubt_during_an_answer_is_kept(flow: InstrumentFlow) -> None:
    """What is cast into doubt while history is asked is asked again."""
    flow.doubt()
    request = flow.wanted()
    assert request is not None
    flow.doubt()
    flow.answer(request, [], has_more=False)

    assert flow.wanted() == request


def test_what_history_denies_twice_is_a_gap(flow: InstrumentFlow) -> None:
    """Trades older than history's reach are one gap, first to last, and the rest is handed out."""
    flow.doubt()
    for _ in range(2):
        request = flow.wanted()
        assert request is not None
        flow.answer(request, some(20, 21), has_more=False)

    assert taken(flow) == [(11, 19), 20, 21]
    assert flow.gaps == [Gap("A", 11, 19)]
    assert (flow.lost, flow.recovered) == (9, 2)


def test_a_trade_that_history_does_not_have_yet_is_asked_for_again(flow: InstrumentFlow) -> None:
    """History may be behind: an empty answer about a trade known to exist declares nothing lost."""
    flow.live(some(13))
    for _ in range(5):
        request = flow.wanted()
        assert request is not None
        assert not flow.answer(request, [], has_more=False)

    assert taken(flow) == []
    assert flow.wanted() == BySeq("A", 11, 100)


def test_patience_ends_with_the_hold(flow: InstrumentFlow) -> None:
    """What waited for `hold` seconds goes on, behind a gap for each hole."""
    flow.live(some(11, 13, 15))
    assert flow.due(100.0, HOLD) == 105.0
    flow.give_up(104.9, HOLD)
    assert taken(flow) == [11]
    flow.give_up(105.0, HOLD)

    assert taken(flow) == [(12, 12), 13, (14, 14), 15]
    assert flow.due(106.0, HOLD) is None


def test_time_without_a_link_is_no_waiting(flow: InstrumentFlow) -> None:
    """Waiting is counted from the start again after a time without a link."""
    flow.live(some(13))
    flow.due(100.0, HOLD)
    flow.suspend()

    assert flow.due(200.0, HOLD) == 205.0


def test_what_comes_bit_by_bit_restarts_the_waiting(flow: InstrumentFlow) -> None:
    """While history gives some of what is missing, patience does not end: a long one takes many pages."""
    flow.live(some(15))
    flow.due(100.0, HOLD)
    request = flow.wanted()
    assert request is not None
    flow.answer(request, some(11, 12), has_more=True)

    assert flow.due(104.0, HOLD) == 109.0


def test_endless_patience_is_never_due(flow: InstrumentFlow) -> None:
    """With a hold of None nothing is ever given up."""
    flow.live(some(13))

    assert flow.due(100.0, None) is None


@pytest.mark.parametrize(
    "answer",
    [some(12, 11), some(11, 11), some(11, 12, name="B"), some(9, 11)],
    ids=["out of order", "twice", "of another instrument", "before the first"],
)
def test_an_answer_that_can_not_be_one_is_refused(flow: InstrumentFlow, answer: list[Trade]) -> None:
    """An answer that is none to what was asked raises, and nothing of it is taken."""
    flow.live(some(13))
    request = flow.wanted()
    assert request is not None
    with pytest.raises(BadAnswer):
        flow.answer(request, answer, has_more=False)

    assert taken(flow) == []
    assert flow.wanted() == request


def test_more_that_never_comes_is_no_answer(flow: InstrumentFlow) -> None:
    """An answer without trades that promises more is refused: following it would never end."""
    flow.doubt()
    request = flow.wanted()
    assert request is not None

    with pytest.raises(BadAnswer):
        flow.answer(request, [], has_more=True)


def test_an_answer_with_fewer_trades_than_asked_is_followed(flow: InstrumentFlow) -> None:
    """However few trades an answer has, the next question goes on from there."""
    flow.live(some(15))
    for seq in (11, 12, 13, 14):
        request = flow.wanted()
        assert request == BySeq("A", seq, 100 - (seq - 11))
        flow.answer(request, some(seq), has_more=True)

    assert taken(flow) == [11, 12, 13, 14, 15]


def test_a_final_refusal_is_a_denial(flow: InstrumentFlow) -> None:
    """What history refuses for good, twice, is declared lost whatever the hold."""
    flow.live(some(13))
    for _ in range(2):
        request = flow.wanted()
        assert request is not None
        flow.refuse(request)

    assert taken(flow) == [(11, 12), 13]


def test_a_slow_reader_bounds_what_is_kept_and_loses_nothing() -> None:
    """Beyond the bound live trades are not kept; history has them as the reader catches up."""
    flow = InstrumentFlow("A", maxsize=10)
    flow.begin("A", some(0))
    for seq in range(1, 1001):
        flow.live(some(seq))
    most = len(flow.ready) + len(flow._sequences["A"].held)
    assert flow.wanted() is None, "there is no room to ask for any"
    got = []
    for _ in range(2000):
        request = flow.wanted()
        if request is not None:
            assert isinstance(request, BySeq)
            first, last = request.start_seq, min(request.start_seq + request.count - 1, 1000)
            flow.answer(request, some(*range(first, last + 1)), has_more=last < 1000)
        if flow.ready:
            got.append(flow.take())
        most = max(most, len(flow.ready) + len(flow._sequences["A"].held))

    assert [trade.trade_seq for trade in got if isinstance(trade, Trade)] == list(range(1, 1001))
    assert most <= 30, "ready and held, and a page"


def test_an_instrument_without_history_begins_with_what_comes_first() -> None:
    """Where history had nothing on entering, what it shows after a drop belongs to the stream."""
    flow = InstrumentFlow("A", maxsize=100)
    flow.begin("A", [])
    flow.doubt()
    flow.live(some(503))
    request = flow.wanted()
    assert request == BySeq("A", 1, 100)
    flow.answer(request, some(501, 502), has_more=False)

    assert taken(flow) == [501, 502, 503]
    assert flow.lost == 0


def test_the_end_hands_out_what_waits() -> None:
    """At the end all that is held is handed out, behind gaps, whatever the bound."""
    flow = InstrumentFlow("A", maxsize=2, shows_gaps=True)
    flow.begin("A", some(10))
    flow.live(some(11, 12, 13))
    flow.live(some(15))
    flow.finish()

    assert taken(flow) == [11, 12, 13, (14, 14), 15]


# --- all of a kind


@pytest.fixture
def kind() -> KindFlow:
    """A flow of all options of BTC that begins after trade 10 of A, made at 10,000 ms."""
    flow = KindFlow("option", ["BTC"], maxsize=100, shows_gaps=True)
    flow.begin("BTC", some(10))
    return flow


def test_each_instrument_has_its_own_sequence(kind: KindFlow) -> None:
    """Trades of several instruments come as they were received, and each is numbered by itself."""
    kind.live([made(11), made(700, "B"), made(12), made(701, "B")])

    assert taken(kind) == [11, 700, 12, 701]
    assert kind.wanted() is None


def test_a_hole_of_one_holds_up_no_other(kind: KindFlow) -> None:
    """Behind one instrument's hole the others go on; the hole is asked for by trade_seq."""
    kind.live([made(11), made(13), made(700, "B")])

    assert taken(kind) == [11, 700]
    assert kind.wanted() == BySeq("A", 12, 100)


def test_an_option_born_during_the_drop_is_not_missed(kind: KindFlow) -> None:
    """What an unknown instrument traded during a drop is found by time, its first trade included."""
    kind.live(some(11))
    kind.doubt()
    kind.live([made(3, "NEW", at=16_000)])
    assert taken(kind) == [11], "nobody knows yet whether 3 is the first"
    request = kind.wanted()
    assert request == ByTime("option", "BTC", 10_000, None, 100)
    page = [made(10), made(11), made(1, "NEW", at=13_000), made(12), made(2, "NEW", at=14_000)]
    kind.answer(request, page, has_more=False)

    assert taken(kind) == [1, 12, 2, 3], "as history lists them"
    assert (kind.recovered, kind.lost, kind.duplicates) == (3, 0, 0)


def test_what_was_traded_before_entering_is_left_out(kind: KindFlow) -> None:
    """Overlapping reads show what an unknown instrument traded before the stream began: that is left out."""
    kind.doubt()
    request = kind.wanted()
    assert request is not None
    kind.answer(request, [made(90, "OLD", at=10_000), made(91, "OLD", at=11_000)], has_more=False)

    assert taken(kind) == [91]


def test_trades_of_one_millisecond_are_told_apart_by_their_ids() -> None:
    """Where a whole page has one time, the next one begins at an id."""
    kind = KindFlow("any", ["ETH"], maxsize=20)
    kind.begin("ETH", [])
    kind.doubt()
    same = [msg(seq) for seq in range(1, 21)]
    first = kind.wanted()
    assert first == ByTime("any", "ETH", 0, None, 20)
    kind.answer(first, same[:10], has_more=True)
    taken(kind)
    second = kind.wanted()
    assert second == ByTime("any", "ETH", 500, None, 20)
    kind.answer(second, same[:10], has_more=True)
    third = kind.wanted()

    assert third == ByTime("any", "ETH", 500, "ETH-10", 20)
    kind.answer(third, same[9:], has_more=False)
    assert taken(kind) == list(range(11, 21))


def msg(seq: int) -> Trade:
    """Give a trade of E, all made at 500 ms."""
    return Trade(
        timestamp=500, price=1.0, amount=1.0, direction="buy", instrument_name="E", trade_seq=seq,
        trade_id=f"ETH-{seq}",
    )  # fmt: skip


def test_a_newcomer_in_doubt_waits_no_longer_than_the_hold(kind: KindFlow) -> None:
    """When history stays silent an unknown instrument begins with what came; what shows later is lost."""
    kind.doubt()
    kind.live([made(3, "NEW", at=16_000)])
    kind.due(0.0, HOLD)
    kind.give_up(HOLD, HOLD)
    assert taken(kind) == [3]
    request = kind.wanted()
    assert request is not None
    kind.answer(request, [made(1, "NEW", at=13_000), made(2, "NEW", at=14_000)], has_more=False)

    assert taken(kind) == [(1, 2)]
    assert kind.lost == 2


def test_a_first_trade_is_known_by_its_number(kind: KindFlow) -> None:
    """Trade 1 of an instrument waits for nothing."""
    kind.doubt()
    kind.live([made(1, "NEW")])

    assert taken(kind) == [1]


def test_currencies_take_turns() -> None:
    """Each currency is asked, whatever becomes of another; a refused one is asked no more."""
    kind = KindFlow("any", ["BTC", "ETH"], maxsize=100)
    kind.begin("BTC", some(10))
    kind.begin("ETH", [])
    kind.doubt()
    first, second, third = kind.wanted(), kind.wanted(), kind.wanted()
    assert [r.currency for r in (first, second, third) if isinstance(r, ByTime)] == ["BTC", "ETH", "BTC"]
    assert second is not None
    assert third is not None
    kind.refuse(second)
    kind.answer(third, [], has_more=False)

    assert kind.wanted() is None


def test_numbers_of_trade_ids() -> None:
    """A trade id's number is what follows its currency."""
    assert [number_of(x) for x in ("403691824", "ETH-2696097", "ETH_USDC-18820350", "odd")] == [
        403691824,
        2696097,
        18820350,
        0,
    ]


# --- games


class Truth:
    """What is made, what is sent, and a history that is behind, reaches back so far, and fails."""

    def __init__(self, rng: random.Random, names: list[str]) -> None:
        self.rng = rng
        self.made: list[Trade] = []
        self.next = {name: rng.randrange(1, 1000) for name in names}
        self.lag = rng.choice([0, 0, 0, 3])  # trades that history does not show yet
        self.reach = rng.choice([10_000, 10_000, 60])  # trades that history remembers
        self.now = 0

    def make(self, name: str) -> Trade:
        self.now += self.rng.choice([0, 0, 1, 5, 900])
        trade = Trade(
            timestamp=self.now, price=1.0, amount=1.0, direction="buy", instrument_name=name,
            trade_seq=self.next[name], trade_id=f"ETH-{len(self.made) + 1}",
        )  # fmt: skip
        self.next[name] += 1
        self.made.append(trade)
        return trade

    @property
    def history(self) -> list[Trade]:
        seen = self.made[: len(self.made) - self.lag]
        return seen[-self.reach :]

    def answer(self, request: BySeq | ByTime) -> tuple[list[Trade], Any]:
        match request:
            case BySeq():
                found = [
                    t
                    for t in self.history
                    if t.instrument_name == request.instrument and t.trade_seq >= request.start_seq
                ]
            case ByTime(start_id=None):
                found = [t for t in self.history if t.timestamp >= request.start_timestamp]
            case _:
                found = [
                    t for t in self.history if number_of(t.trade_id) >= number_of(request.start_id or "")
                ]
        count = min(request.count, self.rng.choice([2, 50]) if isinstance(request, BySeq) else 50)
        return found[:count], len(found) > count


class Game:
    """A flow, what is on its way to it, and what came out of it."""

    def __init__(self, flow: Flow, truth: Truth, names: list[str], *, swaps: bool) -> None:
        self.flow = flow
        self.truth = truth
        self.rng = truth.rng
        self.names = names
        self.swaps = swaps
        self.wire: deque[list[Trade]] = deque()
        self.is_up = True
        self.out: list[Any] = []
        self.is_patient = truth.rng.random() < 0.7

    def play(self) -> None:
        """Let trades be made, sent in all ways, and read back, until nothing is wanted any more."""
        for _ in range(self.rng.randrange(20, 150)):
            self.send(
                [self.truth.make(self.rng.choice(self.names)) for _ in range(self.rng.choice([1, 1, 2, 12]))]
            )
            if self.rng.random() < 0.08:
                self.drop_or_connect()
            while self.wire and self.rng.random() < 0.8:
                self.flow.live(self.wire.popleft())
            if self.is_up and self.rng.random() < 0.5:
                self.ask(self.rng.random() < 0.8)
            if not self.is_patient and self.rng.random() < 0.05:
                self.flow.due(0.0, HOLD)
                self.flow.give_up(HOLD, HOLD)
            while self.flow.ready and self.rng.random() < 0.7:
                self.out.append(self.flow.take())
        self.is_up = True
        self.wire.append([self.truth.make(name) for name in self.names])  # shows what is missing before it
        self.deliver()
        self.truth.lag = 0
        self.rest()

    def send(self, batch: list[Trade]) -> None:
        """Send a message, or twice, or too early, or not at all."""
        if not self.is_up:
            return
        if self.rng.random() < 0.05:
            self.flow.doubt()  # it was spoiled, and the flow is told so
            return
        self.wire.extend([batch] * self.rng.choice([1] * 9 + [2]))
        if self.swaps and self.rng.random() < 0.1 and len(self.wire) > 1:
            self.wire[-1], self.wire[-2] = self.wire[-2], self.wire[-1]

    def drop_or_connect(self) -> None:
        """End the link, all that it brought handed out before; or have another."""
        if self.is_up:
            self.deliver()
            self.flow.doubt()
        self.is_up = not self.is_up

    def deliver(self) -> None:
        """Hand the flow all that is on its way."""
        while self.wire:
            self.flow.live(self.wire.popleft())

    def ask(self, is_answered: bool = True) -> None:
        """Ask history what is wanted."""
        request = self.flow.wanted()
        if request is not None and is_answered:
            self.flow.answer(request, *self.truth.answer(request))

    def rest(self) -> None:
        """Let history answer until all is well."""
        for _ in range(2000):
            while self.flow.ready:
                self.out.append(self.flow.take())
            if not self.flow.is_troubled:
                return
            self.ask()
        pytest.fail("it never comes to rest")


def judge(game: Game, seed: int) -> None:
    """Hold what came out against what was made since the flow began."""
    out, truth = game.out, game.truth
    for name in game.names:
        seqs = [t.trade_seq for t in out if isinstance(t, Trade) and t.instrument_name == name]
        lost = [
            seq
            for g in out
            if isinstance(g, Gap) and g.instrument == name
            for seq in range(g.first, g.last + 1)
        ]
        sent = [t.trade_seq for t in truth.made if t.instrument_name == name]
        assert seqs == sorted(set(seqs)), f"seed {seed}, {name}: order or copies"
        assert sorted(seqs + lost) == sent, f"seed {seed}, {name}"
        if game.is_patient and truth.reach > len(truth.made):
            assert not lost, f"seed {seed}, {name}: lost {lost}"


@pytest.mark.parametrize("maxsize", [5, 1000])
def test_any_story_of_one_instrument_ends_with_each_trade_once(maxsize: int) -> None:
    """However live trades, drops, copies, swaps, pages and failures mix: delivered and gaps are all made."""
    for seed in range(GAMES):
        truth = Truth(random.Random(seed), ["A"])
        flow = InstrumentFlow("A", maxsize=maxsize, shows_gaps=True)
        flow.begin("A", [made(truth.next["A"] - 1)] if truth.next["A"] > 1 else [])
        game = Game(flow, truth, ["A"], swaps=True)
        game.play()

        judge(game, seed)


@pytest.mark.parametrize("maxsize", [30, 1000])
def test_any_story_of_a_kind_ends_with_each_trade_once(maxsize: int) -> None:
    """The same of five instruments in one flow, none of them known at first, while history reaches back."""
    names = ["A", "B", "C", "D", "E"]
    for seed in range(GAMES):
        truth = Truth(random.Random(seed), names)
        truth.reach, truth.lag = 10_000, 0
        flow = KindFlow("any", ["ETH"], maxsize=maxsize, shows_gaps=True)
        flow.begin("ETH", [])
        game = Game(flow, truth, names, swaps=False)
        game.play()

        judge(game, seed)


def test_numbers_that_begin_anew(flow: InstrumentFlow) -> None:
    """Trades that seem old and are newer than all before are new: the exchange counts anew; it is told."""
    flow.live(some(11, 12))
    flow.live(some(11))  # a copy is a copy
    flow.live([made(7, "A", at=70_000), made(8, "A", at=71_000)])

    assert taken(flow) == [11, 12, 7, 8]
    assert (flow.restarts, flow.duplicates, flow.is_troubled) == ([("A", 7)], 1, True)


def test_an_old_copy_after_numbers_began_anew(flow: InstrumentFlow) -> None:
    """Once numbers began anew, a late copy of an old trade is a copy, also where the stream once began."""
    flow.live(some(11, 12))
    flow.live([made(10, "A", at=70_000)])
    flow.live(some(7))

    assert taken(flow) == [11, 12, 10]
    assert (flow.restarts, flow.duplicates) == ([("A", 10)], 1)


def test_a_number_that_can_not_be(flow: InstrumentFlow) -> None:
    """After a trade of an absurd number, and its gap, the real ones go on."""
    flow.live(some(11))
    flow.live([made(10**12, "A", at=12_000)])
    flow.due(0.0, HOLD)
    flow.give_up(HOLD, HOLD)
    flow.live([made(12, "A", at=14_000), made(13, "A", at=15_000)])

    assert taken(flow) == [11, (12, 10**12 - 1), 10**12, 12, 13]
    assert flow.restarts == [("A", 12)]


def test_kinds_and_single_instruments_have_turns() -> None:
    """While history does not show a stranger, what a single instrument lacks is asked for all the same."""
    kind = KindFlow("option", ["BTC"], maxsize=100)
    kind.begin("BTC", some(10))
    kind.part()
    request = kind.wanted()
    assert isinstance(request, ByTime)
    kind.answer(request, [], False)
    kind.live([made(7, "B", at=12_000), made(13, "A", at=13_000)])  # a stranger, and a hole

    asked = []
    for _ in range(4):
        request = kind.wanted()
        assert request is not None
        asked.append(type(request))
        kind.answer(request, [], False)
    assert asked == [ByTime, BySeq, ByTime, BySeq] or asked == [BySeq, ByTime, BySeq, ByTime]
