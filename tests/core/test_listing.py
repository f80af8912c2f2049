"""One picture of what the exchange lists, made of what was read and what was told since."""

from collections import deque

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from deribit_ws.universe.listing import ENDED, Change, Listing
from deribit_ws.wire.instruments import Instrument, InstrumentState
from tests.core.listed import option


def filled(*names: str) -> Listing:
    listing = Listing()
    listing.begin()
    listing.complete([option(name) for name in names])
    return listing


def test_told_after_a_read() -> None:
    """What is told after a read comes on top of it, and only what changes is given on."""
    listing = filled("A", "B")
    changes = [
        listing.created(option("C")),
        listing.state(InstrumentState(5, "delivered", "A")),
        listing.state(InstrumentState(5, "delivered", "A")),
        listing.state(InstrumentState(6, "archivized", "never heard of")),
    ]

    assert list(listing.instruments) == ["B", "C"]
    assert changes == [Change({"C": option("C")}), Change(gone={"A": "delivered"}), Change(), Change()]


@pytest.mark.parametrize(
    "state", ["delivered", "inactive", "archivized", "closed", "terminated", "deactivated"]
)
def test_states_that_end(state: str) -> None:
    """These states end an instrument, whether they are told, read or come with its creation."""
    listing = filled("A", "B")
    listing.state(InstrumentState(5, state, "A"))
    created = listing.created(option("C", state=state))
    listing.begin()
    listing.complete([option("A", state=state), option("B"), option("D", state=state)])

    assert (list(listing.instruments), created, state in ENDED) == (["B"], Change(), True)


@pytest.mark.parametrize("state", ["open", "locked", "settlement", "halted", "a word of next year"])
def test_states_that_keep(state: str) -> None:
    """All other states, unknown ones too, keep an instrument, which then shows its state."""
    listing = filled("A")
    change = listing.state(InstrumentState(5, state, "A"))

    assert listing.instruments["A"].state == state
    assert change == Change({"A": option("A", state=state)})


def test_told_while_a_read_is_under_way() -> None:
    """An answer may be older than what was told since the read was asked for."""
    listing = filled("A", "B")
    listing.begin()
    listing.state(InstrumentState(5, "delivered", "A"))
    listing.created(option("C"))
    listing.state(InstrumentState(5, "halted", "B"))
    change = listing.complete([option("A"), option("B"), option("D")])

    assert {name: one.state for name, one in listing.instruments.items()} == {
        "B": "halted",
        "D": "open",
        "C": "open",
    }
    assert change.gone == {}


def test_failed_read() -> None:
    """A read that failed changes nothing, and later reads know nothing of it."""
    listing = filled("A", "B")
    listing.begin()
    listing.created(option("C"))
    kept = list(listing.instruments)
    listing.begin()
    listing.complete([option("A")])

    assert kept == ["A", "B", "C"]
    assert list(listing.instruments) == ["A"]


def test_end_overtakes_creation() -> None:
    """A creation told after the end it came before brings nothing back; a later one does."""
    listing = filled()
    listing.state(InstrumentState(50, "delivered", "A"))
    listing.created(option("A", created=10, timestamp=20))
    before = list(listing.instruments)
    listing.created(option("A", created=60, timestamp=61))

    assert (before, list(listing.instruments)) == ([], ["A"])


def test_answer_that_lags() -> None:
    """What has expired is not brought back by an answer that still has it; what was stopped may be."""
    listing = filled("A", "B")
    listing.state(InstrumentState(1_000, "delivered", "A"))
    listing.state(InstrumentState(1_000, "inactive", "B"))
    listing.begin()
    listing.complete([option("A", expires=1_000), option("B")])

    assert list(listing.instruments) == ["B"]


def test_missed() -> None:
    """One that is told to be alive but is not listed is missed, until it is listed, ended or given up."""
    listing = filled("A")
    for name in ("A", "B", "C", "D"):
        listing.state(InstrumentState(5, "open", name))
    missed = set(listing.missed)
    listing.created(option("B"))
    listing.state(InstrumentState(6, "closed", "C"))
    left = set(listing.missed)
    listing.give_up()
    listing.state(InstrumentState(7, "locked", "D"))
    listing.state(InstrumentState(5, "open", "C"))
    given_up = set(listing.missed)
    listing.forgive()
    listing.state(InstrumentState(8, "open", "D"))

    assert (missed, left, given_up, listing.missed) == ({"B", "C", "D"}, {"D"}, set(), {"D"})


class Exchange:
    """Lists and ends instruments, tells so on two channels in no common order, and answers reads."""

    def __init__(self) -> None:
        self.alive: dict[str, Instrument] = {}
        self.creations: deque[Instrument] = deque()
        self.states: deque[InstrumentState] = deque()
        self.answer: list[Instrument] | None = None  # computed, and under way
        self.now = 0

    def list_one(self) -> None:
        self.now += 1
        one = option(f"N{self.now}", created=self.now, timestamp=self.now)
        self.alive[one.instrument_name] = one
        self.creations.append(one)

    def end_one(self, number: int) -> None:
        if self.alive:
            self.now += 1
            name = sorted(self.alive)[number % len(self.alive)]
            del self.alive[name]
            self.states.append(InstrumentState(self.now, "delivered", name))


class Picture(RuleBasedStateMachine):
    """However messages, answers and drops interleave, the picture is the exchange's once all has arrived."""

    def __init__(self) -> None:
        super().__init__()
        self.exchange, self.listing, self.reading = Exchange(), Listing(), False

    @rule()
    def one_is_listed(self) -> None:
        self.exchange.list_one()

    @rule(number=st.integers(0, 99))
    def one_ends(self, number: int) -> None:
        self.exchange.end_one(number)

    @precondition(lambda self: not self.reading)
    @rule()
    def a_read_is_asked_for(self) -> None:
        self.reading = True
        self.listing.begin()

    @precondition(lambda self: self.reading and self.exchange.answer is None)
    @rule()
    def it_is_computed(self) -> None:
        self.exchange.answer = list(self.exchange.alive.values())

    @precondition(lambda self: self.exchange.answer is not None)
    @rule()
    def its_answer_arrives(self) -> None:
        self.listing.complete(self.exchange.answer or [])
        self.reading, self.exchange.answer = False, None

    @precondition(lambda self: self.exchange.creations)
    @rule()
    def a_creation_arrives(self) -> None:
        self.listing.created(self.exchange.creations.popleft())

    @precondition(lambda self: self.exchange.states)
    @rule()
    def a_state_arrives(self) -> None:
        self.listing.state(self.exchange.states.popleft())

    @rule()
    def the_link_drops(self) -> None:
        """What was under way is lost; the new link subscribes, then reads."""
        self.exchange.creations.clear()
        self.exchange.states.clear()
        self.exchange.answer, self.reading = None, True
        self.listing.begin()

    @precondition(lambda self: self.reading or self.listing.is_read)
    @rule(answer_last=st.booleans())
    def all_arrives(self, answer_last: bool) -> None:
        if self.reading and self.exchange.answer is None:
            self.it_is_computed()
        if self.reading and not answer_last:
            self.its_answer_arrives()
        while self.exchange.states:
            self.a_state_arrives()
        while self.exchange.creations:
            self.a_creation_arrives()
        if self.reading:
            self.its_answer_arrives()

        assert self.listing.instruments == self.exchange.alive


TestPicture = Picture.TestCase
TestPicture.settings = settings(max_examples=100, stateful_step_count=40)
