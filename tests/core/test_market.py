"""Market data as the exchange writes it, oddities included, as literal frames of our own."""

import json
from typing import Any

import msgspec
import pytest

from deribit_ws.router import Form
from deribit_ws.wire.market import BookChange, GroupedBook, IndexPrice, PlatformState, Quote, Ticker, Trade
from tests.core.recording import Ear, listen, live

HEAD = b'{"jsonrpc":"2.0","method":"subscription","params":{"channel":"'


def decoded(channel: str, data: str) -> Any:
    """The typed payload of one message, which must be understood."""
    ear = Ear(Form.TYPED)
    protocol, told = live(listen(ear)[0].notify)
    protocol.receive(HEAD + channel.encode() + b'","data":' + data.encode() + b"}}")
    assert told.events == []
    return ear.heard[0][1]


PERPETUAL = (
    '{"timestamp":1765541474086,"state":"open","stats":{"high":93612.0,"low":89277.5,"price_change":2.3275,'
    '"volume":11897.27640428,"volume_usd":1092371540.0,"volume_notional":1.09237154e9},"index_price":92263.55,'
    '"instrument_name":"BTC-PERPETUAL","last_price":92283.5,"settlement_price":92464.66,"min_price":90897.5,'
    '"max_price":93666.5,"open_interest":1132329370,"mark_price":92281.78,"interest_value":0.0028,'
    '"best_ask_price":92284.0,"best_bid_price":92283.5,"estimated_delivery_price":92263.55,'
    '"best_ask_amount":186520.0,"best_bid_amount":117660.0,"current_funding":0.0,"funding_8h":1.742e-05}'
)
OPTION = (
    '{"underlying_price":3.2e4,"underlying_index":"SYN.BTC-24SEP21","timestamp":1,"stats":{"volume":0,'
    '"price_change":null,"low":null,"high":null},"state":"open","settlement_price":1.0e-4,"open_interest":0,'
    '"min_price":0.0001,"max_price":1,"mark_price":-4.0e-7,"mark_iv":105.2,"last_price":null,"interest_rate":0,'
    '"instrument_name":"BTC-24SEP21-8000-P","index_price":32000,"greeks":{"vega":0,"theta":-1.5e-3,"rho":0.0,'
    '"gamma":0,"delta":-0.0},"estimated_delivery_price":"expired","bid_iv":0,"best_bid_price":0,'
    '"best_bid_amount":0,"best_ask_price":0.0,"best_ask_amount":0.0,"ask_iv":0.0,"something_new":{"a":[1]}}'
)
NOVELTY = ',"something_new":{"a":[1]}'  # ignored
SNAPSHOT = (
    '{"timestamp":1,"type":"snapshot","change_id":193809616666,"instrument_name":"X_USDC-PERPETUAL",'
    '"bids":[["new",228.51,0.22],["new",228.48,1]],"asks":[["new",2.2852e2,34]]}'
)
CHANGE = (
    '{"timestamp":2,"type":"change","change_id":8,"instrument_name":"X","bids":[],'
    '"asks":[["change",0.11396,1054.0],["delete",1.1e-1,0]],"prev_change_id":7}'
)
TRADE = (
    '{"timestamp":1,"price":92294.5,"amount":10,"direction":"sell","index_price":92276.75,'
    '"instrument_name":"BTC-PERPETUAL","trade_seq":271252854,"mark_price":92287.11,"tick_direction":2,'
    '"contracts":1.0,"trade_id":"403691824"%s}'
)
LIQUIDATION = TRADE % ',"liquidation":"MT"'
LEG = (
    '{"timestamp":1,"iv":41.01,"price":0.0174,"amount":0.1,"direction":"buy","index_price":76185.14,'
    '"instrument_name":"BTC-19MAY26-75000-C","trade_seq":14,"mark_price":0.017,"tick_direction":0,'
    '"combo_id":"BTC-CS-19MAY26-70000_75000","contracts":0.1,"trade_id":"9","combo_trade_id":%s}'
)
FITTING = {
    "ticker.BTC-PERPETUAL.100ms": (PERPETUAL, Ticker),
    "ticker.BTC-24SEP21-8000-P.raw": (OPTION, Ticker),
    "quote.X": (
        '{"timestamp":1,"instrument_name":"X","best_ask_price":null,"best_bid_price":92288,'
        '"best_ask_amount":null,"best_bid_amount":1.3344e5}',
        Quote,
    ),
    "quote.Y": (
        '{"timestamp":1,"instrument_name":"Y","best_ask_price":1,"best_bid_price":null,'
        '"best_ask_amount":2,"best_bid_amount":null}',
        Quote,
    ),
    "book.X_USDC-PERPETUAL.100ms": (SNAPSHOT, BookChange),
    "book.X.agg2": (CHANGE, BookChange),
    "book.X.none.20.100ms": (
        '{"timestamp":1,"change_id":3,"instrument_name":"X","bids":[[86775.8,0.216],[86773,1]],"asks":[]}',
        GroupedBook,
    ),
    "trades.BTC-PERPETUAL.100ms": (f"[{TRADE % ''},{LIQUIDATION}]", list),
    "trades.option.BTC.100ms": (
        '[{"trade_seq":2,"trade_id":"48079289","timestamp":1,"tick_direction":2,"price":0.0075,"mark_price":0.01,'
        '"iv":47.58,"instrument_name":"BTC-27MAY20-9000-C","index_price":8956.17,"direction":"sell","amount":3}]',
        list,
    ),
    "deribit_price_index.btc_usd": ('{"index_name":"btc_usd","price":3.93789e3,"timestamp":1}', IndexPrice),
    "platform_state": ('{"locked":false,"price_index":"alt_usdc","reasons":[]}', PlatformState),
}


@pytest.mark.parametrize("channel", FITTING)
def test_payload(channel: str) -> None:
    """Each message decodes into its type, and each known field into the number or word that was sent."""
    data, kind = FITTING[channel]
    payload = decoded(channel, data)

    assert isinstance(payload, kind)
    assert json.loads(msgspec.json.encode(payload)) == json.loads(data.replace(NOVELTY, ""))


def test_ticker_oddities() -> None:
    """A ticker may say nothing of trades, and words where a price should be."""
    ticker = decoded("ticker.X.raw", OPTION)

    assert (ticker.last_price, ticker.stats.high, ticker.estimated_delivery_price) == (None, None, "expired")
    assert (ticker.underlying_index, ticker.mark_price, ticker.max_price) == ("SYN.BTC-24SEP21", -4e-07, 1.0)
    assert type(ticker.max_price) is float


def test_ticker_minimum() -> None:
    """A ticker needs its time, name and mark price; states that are not known yet are kept as they are."""
    ticker = decoded(
        "ticker.X.raw", '{"state":"brand_new","timestamp":1,"instrument_name":"X","mark_price":0}'
    )

    assert ticker.state == "brand_new"
    assert {ticker.stats, ticker.greeks, ticker.best_bid_price} == {msgspec.UNSET}


def test_ticker_nulls() -> None:
    """Every price but the mark may be null."""
    names = [
        "stats",
        "index_price",
        "settlement_price",
        "min_price",
        "max_price",
        "greeks",
        "bid_iv",
        "underlying_price",
        "delivery_price",
        "open_interest",
        "best_ask_price",
        "last_price",
        "interest_rate",
        "estimated_delivery_price",
        "funding_8h",
    ]
    nulls = ",".join(f'"{name}":null' for name in names)
    head = '{"timestamp":1,"instrument_name":"X","mark_price":1,'
    ticker = decoded("ticker.X.raw", head + nulls + "}")

    assert {getattr(ticker, name) for name in names} == {None}


@pytest.mark.parametrize(
    ("head", "is_snapshot"),
    [
        ('"type":"snapshot","change_id":5', True),
        ('"type":"snapshot","change_id":0', True),
        ('"type":"snapshot","change_id":5,"prev_change_id":null', True),
        ('"type":"novel","change_id":5', False),
        ('"type":"snapshot","change_id":5,"prev_change_id":4', True),
        ('"type":"change","change_id":5,"prev_change_id":4', False),
        ('"type":"change","change_id":5,"prev_change_id":0', False),
        ('"type":"change","change_id":5', False),
        ('"change_id":5', True),
        ('"change_id":5,"prev_change_id":null', True),
        ('"change_id":5,"prev_change_id":0', False),
        ('"type":null,"change_id":5,"prev_change_id":4', False),
    ],
)
def test_snapshot_or_change(head: str, is_snapshot: bool) -> None:
    """The type says what a book message is; without it, the lack of a prev_change_id does, and 0 is one."""
    book = decoded("book.X.raw", '{"timestamp":1,"instrument_name":"X","bids":[],"asks":[],' + head + "}")

    assert book.is_snapshot is is_snapshot


def test_levels() -> None:
    """A level is action, price and amount, whole numbers made floats, unknown actions kept."""
    book = decoded(
        "book.X.raw",
        '{"timestamp":1,"change_id":1,"instrument_name":"X","bids":[["novel",-5,1e1]],"asks":[]}',
    )

    assert book.bids == [("novel", -5.0, 10.0)]
    assert [type(part) for part in book.bids[0]] == [str, float, float]


def test_trades() -> None:
    """A batch of trades is a list in the order sent; liquidation is told only where there was one."""
    first, second = decoded("trades.BTC-PERPETUAL.raw", f"[{TRADE % ''},{LIQUIDATION}]")

    assert (first.liquidation, second.liquidation, first.trade_id) == (msgspec.UNSET, "MT", "403691824")
    assert decoded("trades.BTC-PERPETUAL.raw", "[]") == []


@pytest.mark.parametrize("id", ['"43"', "43", "43.0", "null"])
def test_combo(id: str) -> None:
    """A combo's trade has its legs, may have a negative price, and its id is a string or a number."""
    more = f',"legs":[{LEG % id}],"combo_trade_id":{id}'
    data = TRADE.replace("92294.5", "-0.0005") % more
    (trade,) = decoded("trades.BTC-CS-19MAY26-70000_75000.raw", f"[{data}]")

    assert isinstance(trade.legs[0], Trade)
    assert (trade.price, trade.combo_trade_id, trade.legs[0].combo_trade_id) == (
        -0.0005,
        json.loads(id),
        json.loads(id),
    )
    assert trade.legs[0].combo_id == "BTC-CS-19MAY26-70000_75000"


def test_trade_marks() -> None:
    """Block, RFQ and matching marks are kept, large ones exactly."""
    more = ',"block_trade_id":"BLOCK-1","block_trade_leg_count":2,"block_rfq_id":3'
    more += ',"starbase_timestamp":1790133840888348123'
    (trade,) = decoded("trades.future.any.raw", f"[{TRADE % more}]")

    assert (trade.block_trade_id, trade.block_trade_leg_count, trade.block_rfq_id) == ("BLOCK-1", 2, 3)
    assert trade.starbase_timestamp == 1790133840888348123


@pytest.mark.parametrize(
    ("data", "state"),
    [
        ('{"maintenance":true}', PlatformState(maintenance=True)),
        ('{"locked":true,"price_index":"btc_usd","reasons":["x"]}', PlatformState("btc_usd", True, ["x"])),
        ('{"locked":"partial","price_index":"btc_usd"}', PlatformState("btc_usd", "partial")),
        ("{}", PlatformState()),
    ],
)
def test_platform_state(data: str, state: PlatformState) -> None:
    """The platform's state tells of one index or of maintenance."""
    assert decoded("platform_state", data) == state


def test_public_methods_state() -> None:
    """Whether public calls need a login is a bool."""
    state = decoded("platform_state.public_methods_state", '{"allow_unauthenticated_public_requests":false}')

    assert state.allow_unauthenticated_public_requests is False


@pytest.mark.parametrize(
    ("channel", "usual", "odd"),
    [
        ("book.X.agg2", '"change_id":8', '"change_id":8.0'),
        ("book.X.agg2", '"change_id":8', '"change_id":8e0'),
        ("book.X.agg2", '"change_id":8', '"change_id":"8"'),
        ("book.X.agg2", '["change",0.11396,1054.0]', '["change","0.11396",1054]'),
        ("ticker.BTC-PERPETUAL.100ms", '"timestamp":1765541474086', '"timestamp":1.765541474086e12'),
        ("ticker.BTC-PERPETUAL.100ms", '"mark_price":92281.78', '"mark_price":"92281.78"'),
        ("trades.BTC-PERPETUAL.100ms", '"tick_direction":2', '"tick_direction":2.0'),
        ("platform_state", '"locked":false', '"locked":0'),
    ],
)
def test_numbers_otherwise_written(channel: str, usual: str, odd: str) -> None:
    """A number is read however it is written: with a fraction of nothing, an exponent, or in quotes."""
    data, _ = FITTING[channel]
    payload, expected = decoded(channel, data.replace(usual, odd)), decoded(channel, data)

    assert usual in data
    assert payload == expected
    assert repr(payload) == repr(expected)


@pytest.mark.parametrize(
    ("channel", "data"),
    [
        ("book.X.raw", CHANGE.replace('["change",0.11396,1054.0]', '["delete",0.11396]')),
        ("book.X.raw", CHANGE.replace('["change",0.11396,1054.0]', "[0.11396,1054.0]")),
        ("book.X.raw", CHANGE.replace('["change",0.11396,1054.0]', '["change",0.11396,1054.0,1]')),
        ("book.X.raw", CHANGE.replace('["change",0.11396,1054.0]', '["change","dear",1054.0]')),
        ("book.X.raw", CHANGE.replace("0.11396", "null")),
        ("book.X.raw", CHANGE.replace('"asks"', '"sasks"')),
        ("book.X.raw", CHANGE.replace('"bids":[]', '"bids":null')),
        ("book.X.raw", CHANGE.replace('"change_id":8,', "")),
        ("book.X.raw", CHANGE.replace('"change_id":8', '"change_id":"eight"')),
        ("book.X.raw", CHANGE.replace('"change_id":8', '"change_id":8.5')),
        ("book.X.raw", "null"),
        ("book.X.raw", f"[{CHANGE}]"),
        ("book.X.none.20.raw", CHANGE),
        ("ticker.X.raw", PERPETUAL.replace('"mark_price":92281.78', '"mark_price":"market_price"')),
        ("ticker.X.raw", PERPETUAL.replace('"mark_price":92281.78', '"mark_price":null')),
        ("ticker.X.raw", PERPETUAL.replace('"timestamp":1765541474086', '"timestamp":true')),
        ("ticker.X.raw", PERPETUAL.replace('"stats":{', '"stats":5,"x":{')),
        ("ticker.X.raw", "{}"),
        ("quote.X", '{"timestamp":1,"instrument_name":"X","best_ask_price":"1"}'),
        ("trades.X.raw", TRADE % ""),
        ("trades.X.raw", "[" + TRADE % ',"legs":[[]]' + "]"),
        ("trades.X.raw", "[null]"),
        ("deribit_price_index.x", '{"index_name":"x","timestamp":1}'),
        ("platform_state", "[]"),
    ],
)
def test_wrong_shape(channel: str, data: str) -> None:
    """Data of a wrong shape is told as garbage with its channel, and hurts no other channel."""
    ear = Ear(Form.TYPED)
    protocol, told = live(listen(ear)[0].notify)
    good = [
        HEAD + name.encode() + b'","data":' + text.encode() + b"}}" for name, (text, _) in FITTING.items()
    ]
    for frame in (*good, HEAD + channel.encode() + b'","data":' + data.encode() + b"}}", *good):
        protocol.receive(frame)

    assert told.events == [("garbage", channel)]
    assert [name for name, _ in ear.heard] == [*FITTING, *FITTING]


def test_frozen() -> None:
    """A payload can't be changed, since several callbacks share it."""
    quote = decoded("quote.X", FITTING["quote.X"][0])

    with pytest.raises(AttributeError):
        quote.timestamp = 5
