"""One channel under watch: what is counted, and what a message says of time and price."""

import json
from typing import Any

import pytest

from deribit_ws.monitor.watch import CHART_SECONDS, Rate, Watch

TRADES = "trades.BTC-PERPETUAL.100ms"


class Time:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def watched(channel: str, clock: Time | None = None) -> tuple[Watch, list[tuple[str, int]]]:
    missed: list[tuple[str, int]] = []
    return Watch(channel, clock or Time(), lambda *what: missed.append(what)), missed


def trades(*seqs: int, instrument: str = "BTC-PERPETUAL") -> bytes:
    return json.dumps(
        [
            {"trade_seq": seq, "trade_id": "7", "timestamp": 99_000, "price": 5.0 + seq, "amount": 1.0,
             "direction": "buy", "instrument_name": instrument}
            for seq in seqs
        ]
    ).encode()  # fmt: skip


@pytest.mark.parametrize(
    ("channel", "data", "price"),
    [
        ("ticker.X.100ms", {"instrument_name": "X", "mark_price": 7.5}, 7.5),
        ("incremental_ticker.X", {"instrument_name": "X", "mark_price": 7.5}, 7.5),
        ("incremental_ticker.X", {"instrument_name": "X"}, None),
        ("deribit_price_index.btc_usd", {"index_name": "btc_usd", "price": 8.5}, 8.5),
        ("deribit_volatility_index.btc_usd", {"index_name": "btc_usd", "volatility": 50.0}, 50.0),
        ("perpetual.X.100ms", {"index_price": 3.5, "interest": 0.1}, 3.5),
        ("book.X.none.1.100ms",
         {"change_id": 1, "instrument_name": "X", "bids": [[1.0, 5.0]], "asks": [[2.0, 6.0]]}, 1.5),
        ("quote.X", {"instrument_name": "X", "best_bid_price": 1.0, "best_ask_price": 2.0,
                     "best_bid_amount": 1.0, "best_ask_amount": 1.0}, 1.5),
        ("quote.X", {"instrument_name": "X", "best_bid_price": None, "best_ask_price": 2.0,
                     "best_bid_amount": None, "best_ask_amount": 1.0}, None),
        ("nobody.knows", {"price": 5}, None),
    ],
)  # fmt: skip
def test_price_and_time_of_a_message(channel: str, data: dict[str, Any], price: float | None) -> None:
    """The price of each kind of channel is found, and the lag is from the exchange's time to the receipt."""
    watch, _ = watched(channel)
    watch.receive(json.dumps({"timestamp": 99_500, **data}).encode())
    watch.read(100.0)

    assert watch.gist.price == price
    assert watch.lag == (None if channel == "nobody.knows" else 0.5)


def test_lag_does_not_grow_with_waiting() -> None:
    """A message that is looked at later lagged no more for that."""
    clock = Time()
    watch, _ = watched(TRADES, clock)
    watch.receive(trades(1))
    clock.now += 5
    watch.read(105.0)

    assert watch.lag == 1.0


@pytest.mark.parametrize("data", [b"[]", b"7", b'"\xff"', b'{"timestamp":"soon"}', b'[{"trade_seq":"x"}]'])
def test_what_cannot_be_read_is_counted_all_the_same(data: bytes) -> None:
    """A message of an unexpected shape counts, and says nothing of time or price."""
    watch, missed = watched(TRADES)
    watch.receive_trades(data)
    watch.read(100.0)

    assert (watch.messages, watch.gaps, missed, watch.lag, watch.gist.price) == (1, 0, [], None, None)


def test_trades_that_did_not_come_are_gaps() -> None:
    """A hole in an instrument's trade_seq is one gap, told with its size; what comes twice is none."""
    watch, missed = watched("trades.future.BTC.100ms")
    for data in (trades(7, 8), trades(12), trades(40, instrument="BTC-1JAN26"), trades(9), trades(12, 13)):
        watch.receive_trades(data)

    assert (watch.messages, watch.gaps, missed) == (5, 1, [("BTC-PERPETUAL", 3)])


def test_rate_is_of_the_last_seconds() -> None:
    """A rate follows within five seconds, and says nothing at the first look."""
    rate = Rate()
    steady = [rate.of(float(second), 50 + 20 * second) for second in range(11)]
    silent = [rate.of(float(second), 250) for second in range(11, 17)]

    assert (steady[0], steady[-1], silent[-1]) == (0.0, 20.0, 0.0)


def test_chart_gets_a_point_a_second() -> None:
    """However often it is looked at, one price a second is kept, of the last ten minutes."""
    watch, _ = watched(TRADES)
    for quarter in range(4 * (CHART_SECONDS + 50)):
        watch.keep(100.0 + quarter / 4, float(quarter))

    assert len(watch.points) == CHART_SECONDS
    assert list(watch.points)[-2:] == [4.0 * (CHART_SECONDS + 48), 4.0 * (CHART_SECONDS + 49)]
