"""The exchange's time, carried on by a clock that never steps."""

from deribit_ws.exchange_clock import ExchangeClock


class Clocks:
    """A time of day and a count of seconds, both moved by hand."""

    def __init__(self) -> None:
        self.wall = 1_000.0
        self.ticks = 50.0


def clock_of(clocks: Clocks) -> ExchangeClock:
    return ExchangeClock(lambda: clocks.wall, lambda: clocks.ticks)


def test_no_reading() -> None:
    """Until the exchange was asked, its time is taken to be this machine's."""
    clock = clock_of(Clocks())

    assert (clock.now_ms(), clock.offset) == (1_000_000, None)


def test_reading() -> None:
    """A reading is taken to be of the middle of the question, and goes on from there."""
    clocks = Clocks()
    clock = clock_of(clocks)
    clocks.ticks = 52.0
    clock.measured(7_000_000, 50.0, 52.0)
    clocks.wall += 2.0

    assert clock.now_ms() == 7_001_000
    clocks.ticks += 10.0
    clocks.wall += 10.0
    assert clock.now_ms() == 7_011_000
    assert clock.offset == 7_011.0 - 1_012.0


def test_wall_steps() -> None:
    """A step of this machine's time of day does not move the exchange's."""
    clocks = Clocks()
    clock = clock_of(clocks)
    clock.measured(7_000_000, 50.0, 50.0)
    clocks.wall -= 3_600.0

    assert clock.now_ms() == 7_000_000
