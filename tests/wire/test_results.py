"""Answers of calls as typed values: what comes is kept, what surprises decodes, secrets stay hidden."""

import inspect
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from deribit_ws import types
from deribit_ws.types import (
    UNSET,
    AccountSummaries,
    AccountSummary,
    ApiKey,
    BlockTradeSignature,
    CancelReport,
    Combo,
    Currency,
    Expirations,
    IndexName,
    Instrument,
    Login,
    MmpConfig,
    MovedPosition,
    Order,
    OrderBookSnapshot,
    OrderPlaced,
    OrdersPage,
    PositionMove,
    TradesPage,
    TradingViewChart,
    UserTrade,
    UserTradesPage,
    Version,
)
from deribit_ws.wire import (
    access_results,
    account_results,
    accounts,
    block_results,
    blocks,
    instruments,
    lsp_results,
    market,
    market_results,
    notices,
    results,
    session_results,
    trading,
    wallet,
)
from deribit_ws.wire.codec import decoder_of
from tests.wire.answers import ANSWERS

ROOMS = (
    access_results,
    account_results,
    block_results,
    lsp_results,
    market_results,
    results,
    session_results,
    wallet,
)
PAYLOADS = (accounts, blocks, instruments, market, notices, trading)


def decode(text: str, answer: Any) -> Any:
    return decoder_of(answer)(text.encode())


def plain(value: Any) -> Any:
    return json.loads(msgspec.json.encode(value))


def structs_in(value: Any) -> Iterator[msgspec.Struct]:
    """Every struct in a decoded answer, itself included."""
    inside: Iterable[Any] = ()
    if isinstance(value, msgspec.Struct):
        yield value
        inside = [getattr(value, name) for name in value.__struct_fields__]
    elif isinstance(value, dict):
        inside = value.values()
    elif isinstance(value, list):
        inside = value
    for item in inside:
        yield from structs_in(item)


def changed(value: Any, change: Any) -> Any:
    """A copy of decoded JSON in which `change` was made to every object and word."""
    match value:
        case dict():
            return change({key: changed(item, change) for key, item in value.items()})
        case list():
            return [changed(item, change) for item in value]
        case _:
            return change(value)


answers = pytest.mark.parametrize(
    ("answer", "text"), ANSWERS, ids=[str(getattr(row[0], "__name__", row[0])) for row in ANSWERS]
)


# --- what comes is kept


@answers
def test_nothing_is_lost(answer: Any, text: str) -> None:
    """An answer encodes back into the JSON it came as: what was left out stays out, null stays null."""
    assert plain(decode(text, answer)) == json.loads(text)


def test_every_struct_is_met() -> None:
    """The samples decode into each struct that an answer can hold."""
    known = {
        kind
        for room in ROOMS
        for kind in vars(room).values()
        if inspect.isclass(kind) and issubclass(kind, msgspec.Struct) and kind.__module__ == room.__name__
    }
    met = {type(struct) for answer, text in ANSWERS for struct in structs_in(decode(text, answer))}

    assert known - met == {session_results.Discreet, account_results.AccountDetails}  # bases of others


def test_left_out_is_not_null() -> None:
    """A field that was left out is UNSET and false; one that came as null is None."""
    page = decode('{"orders":[],"continuation":null}', OrdersPage)
    bare = decode('{"orders":[]}', OrdersPage)

    assert page.continuation is None
    assert bare.continuation is UNSET
    assert not bare.continuation


# --- what surprises still decodes


@answers
def test_unknown_fields(answer: Any, text: str) -> None:
    """A field nobody has heard of changes nothing."""
    extended = changed(json.loads(text), lambda v: {**v, "brand_new": [1, {}]} if is_payload(v) else v)

    assert decode(json.dumps(extended), answer) == decode(text, answer)


def is_payload(value: Any) -> bool:
    # A map by currency, index or kind takes any key: one more of those is no unknown field.
    return isinstance(value, dict) and not all(
        isinstance(item, dict | float) or (isinstance(item, list) and all(isinstance(i, str) for i in item))
        for item in value.values()
    )


@answers
def test_unknown_words(answer: Any, text: str) -> None:
    """A state, kind or role nobody has heard of is a word like any other."""
    strange = changed(json.loads(text), lambda v: "brand_new" if isinstance(v, str) else v)

    assert plain(decode(json.dumps(strange), answer)) == strange


@answers
def test_null(answer: Any, text: str) -> None:
    """Any field that may be left out may be null instead, and stays null."""
    for struct in structs_in(decode(text, answer)):
        fields = msgspec.structs.fields(struct)
        given = {field.name: plain(getattr(struct, field.name)) for field in fields if field.required}
        given |= {field.name: None for field in fields if field.default is UNSET}

        assert plain(decode(json.dumps(given), type(struct))).items() >= given.items()


@pytest.mark.parametrize(
    ("answer", "text", "kind"),
    [
        (int | list[CancelReport], "4", int),
        (int | list[CancelReport], "[]", list),
        (list[UserTrade] | UserTradesPage, "[]", list),
        (list[UserTrade] | UserTradesPage, '{"trades":[],"has_more":true}', UserTradesPage),
        (list[Order] | OrdersPage, '{"orders":[],"continuation":null}', OrdersPage),
        (list[MovedPosition] | PositionMove, '{"trades":[]}', PositionMove),
        (list[MmpConfig] | MmpConfig, '{"index_name":"btc_usd"}', MmpConfig),
    ],
)
def test_either_shape(answer: Any, text: str, kind: type) -> None:
    """Where Deribit sends one of two shapes, either decodes into its own type."""
    assert isinstance(decode(text, answer), kind)


def test_market_price() -> None:
    """An order that has no price yet says "market_price"."""
    placed = decode(
        '{"order":{"order_id":"ETH-SLMS-7","order_state":"untriggered","direction":"sell",'
        '"instrument_name":"ETH-PERPETUAL","price":"market_price"},"trades":[]}',
        OrderPlaced,
    )

    assert placed.order.price == "market_price"
    assert placed.order.average_price is UNSET


def test_limits_of_either_kind() -> None:
    """The account's rates are read by name, or by currency where it has them per currency."""
    flat = decode(
        '{"currency":"BTC","limits":{"limits_per_currency":false,"matching_engine":'
        '{"trading":{"total":{"rate":5,"burst":20}},"spot":{"rate":200,"burst":250}}}}',
        AccountSummary,
    ).limits
    split = decode(
        '{"currency":"BTC","limits":{"limits_per_currency":true,"matching_engine":'
        '{"btc":{"trading":{"total":{"rate":30,"burst":100}},"cancel_all":{"rate":200,"burst":250}}}}}',
        AccountSummary,
    ).limits

    assert flat.matching_engine["trading"].total.rate == 5
    assert flat.matching_engine["spot"].burst == 250
    assert split.matching_engine["btc"].trading.total.burst == 100


# --- secrets


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (
            Login,
            '{"access_token":"T0PSECRET","refresh_token":"T0PSECRET","expires_in":900,"scope":"trade:read"}',
        ),
        (ApiKey, '{"id":3,"client_id":"abc","client_secret":"T0PSECRET","name":"desk"}'),
        (list[ApiKey], '[{"id":3,"client_id":"abc","client_secret":"T0PSECRET"}]'),
        (BlockTradeSignature, '{"signature":"T0PSECRET"}'),
    ],
)
def test_secrets(answer: Any, text: str) -> None:
    """A token, a key's secret and a signature can be read, and are never shown."""
    value = decode(text, answer)
    one = value[0] if isinstance(value, list) else value

    assert "T0PSECRET" in str(plain(value))
    for shown in (repr(value), str(value), f"{value}", f"{value!r}", str(one.__rich_repr__())):
        assert "T0PSECRET" not in shown
        assert "***" in shown


def test_a_login_without_a_secret() -> None:
    """What is no secret is shown, and a secret that is not there is not starred."""
    key = ApiKey(id=3, client_id="abc", name="desk")

    assert "name='desk'" in repr(key)
    assert "client_secret=UNSET" in repr(key)


# --- the public list


def test_types() -> None:
    """`deribit_ws.types` gives every struct of a payload or an answer."""
    for room in ROOMS + PAYLOADS:
        own = {
            name
            for name, kind in vars(room).items()
            if inspect.isclass(kind) and kind.__module__ == room.__name__ and name != "Discreet"
        }

        assert own <= set(types.__all__)
    assert all(hasattr(types, name) for name in types.__all__)


# --- recordings

RECORDED = {
    "http_get_account_summaries.json": AccountSummaries,
    "http_get_account_summaries_cross_margin.json": AccountSummaries,
    "http_get_combos.json": list[Combo],
    "http_get_expirations_any.json": Expirations,
    "http_get_expirations_btc_option.json": Expirations,
    "http_get_instrument.json": Instrument,
    "http_get_instrument_option.json": Instrument,
    "http_get_instruments.json": list[Instrument],
    "http_get_instruments_future_combo.json": list[Instrument],
    "http_get_instruments_option_combo.json": list[Instrument],
    "http_get_last_trades.json": TradesPage,
    "http_get_last_trades_future_combo.json": TradesPage,
    "http_get_last_trades_historical_combo.json": TradesPage,
    "http_get_last_trades_option_combo.json": TradesPage,
    "http_get_last_trades_perpetual_with_combo_tags.json": TradesPage,
    "http_get_order_book.json": OrderBookSnapshot,
    "http_get_time.json": int,
    "http_get_tradingview_chart_data.json": TradingViewChart,
    "http_test.json": Version,
    "ws_order_buy_response.json": OrderPlaced,
    "ws_order_cancel_response.json": Order,
    "ws_order_edit_response.json": OrderPlaced,
    "ws_order_sell_response.json": OrderPlaced,
    "ws_order_stop_market_no_filled_amount.json": OrderPlaced,
    "ws_order_stop_market_response.json": OrderPlaced,
}


@pytest.mark.parametrize(("name", "answer"), RECORDED.items())
def test_recorded(captures: Path, name: str, answer: Any) -> None:
    """A recorded answer decodes, and encodes back into the JSON it came as: no field of it is unknown."""
    result = json.loads((captures / "nautilus" / name).read_text())["result"]

    assert plain(decode(json.dumps(result), answer)) == result


def test_each_recorded_answer_is_tried(captures: Path) -> None:
    """No recorded answer is forgotten."""
    found = {path.name for path in (captures / "nautilus").iterdir()}

    assert {name for name in found if name.startswith(("http_", "ws_order_"))} == set(RECORDED)


# --- what either spelling of a name gives


def test_index_names() -> None:
    """Index names come plain, or each with what may be made of it."""
    names = decode(
        '["btc_usd",{"name":"eth_usd","option_combo_creation_enabled":true}]', list[str | IndexName]
    )

    assert names == ["btc_usd", IndexName(name="eth_usd", option_combo_creation_enabled=True)]


def test_currency_units() -> None:
    """A currency's fees are numbers in its own coin, whether they came as whole numbers or not."""
    coin = decode('{"currency":"BTC","withdrawal_fee":1,"min_withdrawal_fee":1e-4}', Currency)

    assert (coin.withdrawal_fee, coin.min_withdrawal_fee) == (1.0, 0.0001)
