"""Names of channels, written by builders and read by the parser."""

import inspect
from typing import Any, assert_type, get_args

import msgspec
import pytest

from deribit_ws import channels
from deribit_ws.errors import UsageError
from deribit_ws.wire.channels import Pattern, family_of
from deribit_ws.wire.market import Ticker, Trade
from deribit_ws.wire.messages import Notification
from deribit_ws.wire.trading import Order
from tests.wire.channel_samples import SAMPLES

# builder, what it is given → what it writes; at least one for each pattern
BUILT: list[tuple[str, tuple[Any, ...], dict[str, Any], str]] = [
    ("platform_state", (), {}, "platform_state"),
    ("platform_state_public_methods_state", (), {}, "platform_state.public_methods_state"),
    ("announcements", (), {}, "announcements"),
    ("book", ("BTC-PERPETUAL",), {}, "book.BTC-PERPETUAL.100ms"),
    ("book", ("BTC-PERPETUAL",), {"interval": "raw"}, "book.BTC-PERPETUAL.raw"),
    ("grouped_book", ("ETH-PERPETUAL",), {}, "book.ETH-PERPETUAL.none.10.100ms"),
    (
        "grouped_book",
        ("ETH-PERPETUAL",),
        {"group": 250, "depth": 20, "interval": "agg2"},
        "book.ETH-PERPETUAL.250.20.agg2",
    ),
    ("grouped_book", ("X",), {"group": "5", "depth": "1"}, "book.X.5.1.100ms"),
    ("ticker", ("XRP_USDC-25DEC26-1d02-C",), {}, "ticker.XRP_USDC-25DEC26-1d02-C.100ms"),
    ("incremental_ticker", ("BTC-PERPETUAL",), {}, "incremental_ticker.BTC-PERPETUAL"),
    ("perpetual", ("BTC-PERPETUAL",), {"interval": "agg2"}, "perpetual.BTC-PERPETUAL.agg2"),
    ("quote", ("BTC_USDC",), {}, "quote.BTC_USDC"),
    ("trades", ("BTC-PERPETUAL",), {}, "trades.BTC-PERPETUAL.100ms"),
    ("trades_by_kind", ("option", "BTC"), {}, "trades.option.BTC.100ms"),
    ("trades_by_kind", (), {"interval": "raw"}, "trades.any.any.raw"),
    ("chart_trades", ("BTC-PERPETUAL",), {"resolution": "1D"}, "chart.trades.BTC-PERPETUAL.1D"),
    ("deribit_price_index", ("btc_usd",), {}, "deribit_price_index.btc_usd"),
    ("deribit_price_ranking", ("btc_usd",), {}, "deribit_price_ranking.btc_usd"),
    ("deribit_price_statistics", ("drbfix-btc_usdc",), {}, "deribit_price_statistics.drbfix-btc_usdc"),
    ("deribit_volatility_index", ("eth_usd",), {}, "deribit_volatility_index.eth_usd"),
    ("estimated_expiration_price", ("btc_usd",), {}, "estimated_expiration_price.btc_usd"),
    ("markprice_options", ("btc_usd",), {}, "markprice.options.btc_usd"),
    ("instrument_creation", (), {}, "instrument.creation.any.any"),
    ("instrument_state", ("option_combo", "ETH"), {}, "instrument.state.option_combo.ETH"),
    ("block_trade_confirmations", (), {}, "block_trade_confirmations"),
    ("block_trade_confirmations", ("BTC",), {}, "block_trade_confirmations.BTC"),
    ("block_rfq_maker", (), {}, "block_rfq.maker.any"),
    ("block_rfq_taker", ("BTC",), {}, "block_rfq.taker.BTC"),
    ("block_rfq_maker_quotes", ("BTC",), {}, "block_rfq.maker.quotes.BTC"),
    ("block_rfq_trades", ("BTC",), {}, "block_rfq.trades.BTC"),
    ("user_access_log", (), {}, "user.access_log"),
    ("user_lock", (), {}, "user.lock"),
    ("user_mmp_trigger", ("btc_usd",), {}, "user.mmp_trigger.btc_usd"),
    ("user_portfolio", (), {}, "user.portfolio.any"),
    ("user_portfolio", ("btc",), {}, "user.portfolio.btc"),
    ("user_orders", ("BTC-PERPETUAL",), {}, "user.orders.BTC-PERPETUAL.100ms"),
    ("user_orders", ("BTC-PERPETUAL",), {"interval": "raw"}, "user.orders.BTC-PERPETUAL.raw"),
    ("user_orders_by_kind", (), {"interval": "raw"}, "user.orders.any.any.raw"),
    ("user_orders_by_kind", ("future", "BTC"), {}, "user.orders.future.BTC.100ms"),
    ("user_trades", ("BTC-PERPETUAL",), {}, "user.trades.BTC-PERPETUAL.100ms"),
    ("user_trades_by_kind", ("spot",), {}, "user.trades.spot.any.100ms"),
    ("user_combo_trades", ("BTC-FS-25DEC26_PERP",), {}, "user.combo_trades.BTC-FS-25DEC26_PERP.100ms"),
    ("user_combo_trades_by_kind", ("combo", "BTC"), {}, "user.combo_trades.combo.BTC.100ms"),
    ("user_changes", ("BTC-PERPETUAL",), {"interval": "raw"}, "user.changes.BTC-PERPETUAL.raw"),
    ("user_changes_by_kind", (), {}, "user.changes.any.any.100ms"),
    ("user_liquidation", (), {}, "user.liquidation"),
    ("user_isolated_liquidation", (), {}, "user.isolated.liquidation"),
    ("user_lsp", (), {}, "user.lsp"),
    ("user_isolated_orders", ("X",), {}, "user.isolated.orders.X.100ms"),
    ("user_isolated_orders_by_kind", ("future", "USDC"), {}, "user.isolated.orders.future.USDC.100ms"),
    ("user_isolated_trades", ("X",), {}, "user.isolated.trades.X.100ms"),
    ("user_isolated_trades_by_kind", (), {}, "user.isolated.trades.any.any.100ms"),
    ("user_isolated_changes", ("X",), {}, "user.isolated.changes.X.100ms"),
    ("user_isolated_changes_by_kind", (), {}, "user.isolated.changes.any.any.100ms"),
    ("user_isolated_portfolio", ("USDC",), {}, "user.isolated.portfolio.USDC"),
    ("user_position_lock", (), {}, "user.position_lock"),
    ("user_trailing_orders_trigger_price", (), {}, "user.trailing_orders.trigger_price.any"),
]


@pytest.mark.parametrize(("builder", "given", "named", "name"), BUILT)
def test_builder(builder: str, given: tuple[Any, ...], named: dict[str, Any], name: str) -> None:
    """Each builder writes the name that Deribit knows, with every 100 ms as the usual interval."""
    built = getattr(channels, builder)(*given, **named)

    assert built == name
    assert type(built) is str


def test_builders_for_all() -> None:
    """Each of the 52 patterns has a builder."""
    assert {family_of(name).pattern.text for *_, name in BUILT} == set(SAMPLES)


@pytest.mark.parametrize("builder", sorted({builder for builder, *_ in BUILT}))
def test_builder_says_payload(builder: str) -> None:
    """What a builder tells the type checker is what its channel's messages are decoded into."""
    function = getattr(channels, builder)
    said = get_args(function.__annotations__["return"])[0]
    names = [name for one, *_, name in BUILT if one == builder]
    plain = {None: dict[str, Any]}
    payloads = [plain.get(family.payload, family.payload) for family in map(family_of, names)]

    assert all(payload == said or said is Any for payload in payloads)


@pytest.mark.parametrize(
    ("builder", "given", "named", "words"),
    [
        ("book", ("X",), {"interval": "50ms"}, "interval '50ms' is none of raw, 100ms, agg2"),
        ("book", ("",), {}, "''"),
        ("book", ("BTC.PERPETUAL",), {}, "'BTC.PERPETUAL' is not one segment"),
        ("book", (">",), {}, "'>' is not one segment"),
        ("book", ("a b",), {}, "'a b' is not a segment"),
        ("book", ('X"',), {}, "is not a segment"),
        ("book", (None,), {}, "instrument_name None is no name"),
        ("grouped_book", ("X",), {"depth": 50}, "depth 50 is none of 1, 10, 20"),
        ("grouped_book", ("X",), {"group": 3}, "group 3 is none of none, 1, 2, 5"),
        ("chart_trades", ("X",), {"resolution": "2"}, "resolution '2' is none of 1, 3, 5"),
        ("trades_by_kind", ("futures",), {}, "kind 'futures' is none of future, option"),
        ("user_orders", ("X",), {"interval": ""}, "''"),
        ("user_orders_by_kind", ("option", "B.C"), {}, "currency 'B.C' is not one segment"),
        ("user_portfolio", ("",), {}, "''"),
        ("trades_by_kind", ("future", "btc"), {}, "currency 'btc' is spelt 'BTC'"),
        ("instrument_state", ("any", "ANY"), {}, "currency 'ANY' is spelt 'any'"),
        ("block_rfq_trades", ("Btc",), {}, "currency 'Btc' is spelt 'BTC'"),
        ("deribit_price_index", ("BTC_USD",), {}, "index_name 'BTC_USD' is spelt 'btc_usd'"),
        ("user_mmp_trigger", ("BTC_usd",), {}, "index_name 'BTC_usd' is spelt 'btc_usd'"),
    ],
)
def test_bad_value(builder: str, given: tuple[Any, ...], named: dict[str, Any], words: str) -> None:
    """A value that Deribit would leave unsubscribed without a word is refused, and named."""
    with pytest.raises(UsageError) as caught:
        getattr(channels, builder)(*given, **named)

    assert words in str(caught.value)


def test_placeholder() -> None:
    """A placeholder or * in place of a name makes a pattern."""
    pattern = channels.ticker("{instrument}")

    assert pattern == "ticker.{instrument}.100ms"
    assert Pattern(pattern).match("ticker.X.100ms", {}) == {"instrument": "X"}
    assert channels.trades_by_kind("any", "{currency}") == "trades.any.{currency}.100ms"
    assert channels.quote("*") == "quote.*"


@pytest.mark.parametrize("builder", sorted({builder for builder, *_ in BUILT if "by_kind" in builder}))
def test_placeholder_for_kind(builder: str) -> None:
    """A kind may be left open, by its own name or by *."""
    named, starred = (str(getattr(channels, builder)(kind, "{currency}")) for kind in ("{kind}", "*"))

    assert ".{kind}.{currency}." in named
    assert ".*.{currency}." in starred


def test_new_coins() -> None:
    """A coin, an index or an instrument that nobody has heard of is left for the exchange to judge."""
    assert channels.trades_by_kind("any", "HYPE") == "trades.any.HYPE.100ms"
    assert channels.deribit_price_index("hype_usdc") == "deribit_price_index.hype_usdc"
    assert channels.ticker("HYPE_USDC-25DEC26-1d02-C") == "ticker.HYPE_USDC-25DEC26-1d02-C.100ms"


# Which folder of the documentation a channel's page is in, by how its name begins; the first that fits.
FOLDERS = {
    "platform": "platform",
    "announcements": "announcements",
    "book": "orderbook",
    "trades": "trades",
    "block_trade": "block-trade",
    "block_rfq": "block-rfq",
    "user": "user",
    "": "market-data",
}
# On Coinbase's deployment only, so that Deribit's documentation has no page.
COINBASE = (
    "user_isolated_orders",
    "user_isolated_trades",
    "user_isolated_changes",
    "user_isolated_portfolio",
    "user_position_lock",
    "user_trailing_orders",
)


@pytest.mark.parametrize("builder", sorted({one for one, *_ in BUILT if not one.startswith(COINBASE)}))
def test_docstring(builder: str) -> None:
    """Help ends with the channel's page; raw says that it needs a login, a private channel its scope."""
    family = family_of(next(name for one, *_, name in reversed(BUILT) if one == builder))
    pattern = family.pattern.text.replace(".raw", ".{interval}")
    text = inspect.getdoc(getattr(channels, builder)) or ""
    folder = next(folder for start, folder in FOLDERS.items() if pattern.startswith(start))
    page = pattern.translate(str.maketrans("", "", ".{}"))

    assert text.splitlines()[-1] == f"https://docs.deribit.com/subscriptions/{folder}/{page}"
    assert ("Raw needs a login." in text) is ("{interval}" in pattern and not family.is_private)
    assert ("Scope " in text) is family.is_private


def test_encodes() -> None:
    """A channel can be written into a request like any string."""
    assert msgspec.json.encode([channels.quote("X"), channels.Channel("a")]) == b'["quote.X","a"]'


@pytest.mark.parametrize(
    ("name", "pattern", "values"),
    [
        ("trades.X.raw", "trades.{instrument_name}.{interval}", {"instrument_name": "X", "interval": "raw"}),
        (
            "trades.option.BTC.agg2",
            "trades.{kind}.{currency}.{interval}",
            {"kind": "option", "currency": "BTC", "interval": "agg2"},
        ),
        (
            "book.BTC_USDC-PERPETUAL.none.20.100ms",
            "book.{instrument_name}.{group}.{depth}.{interval}",
            {"instrument_name": "BTC_USDC-PERPETUAL", "group": "none", "depth": "20", "interval": "100ms"},
        ),
        ("user.orders.X.raw", "user.orders.{instrument_name}.raw", {"instrument_name": "X"}),
        (
            "user.orders.X.100ms",
            "user.orders.{instrument_name}.{interval}",
            {"instrument_name": "X", "interval": "100ms"},
        ),
        ("user.orders.any.any.raw", "user.orders.{kind}.{currency}.raw", {"kind": "any", "currency": "any"}),
        ("platform_state", "platform_state", {}),
        ("platform_state.public_methods_state", "platform_state.public_methods_state", {}),
        ("block_rfq.maker.quotes.BTC", "block_rfq.maker.quotes.{currency}", {"currency": "BTC"}),
        ("block_rfq.maker.quotes", "block_rfq.maker.{currency}", {"currency": "quotes"}),
        ("user.isolated.portfolio.BTC", "user.isolated.portfolio.{currency}", {"currency": "BTC"}),
        (
            "ticker.XRP_USDC-25DEC26-1d02-C.raw",
            "ticker.{instrument_name}.{interval}",
            {"instrument_name": "XRP_USDC-25DEC26-1d02-C", "interval": "raw"},
        ),
    ],
)
def test_parse(name: str, pattern: str, values: dict[str, str]) -> None:
    """A name is read as Deribit's own pattern and what stands in its open segments."""
    parsed = channels.parse(name)

    assert (parsed.pattern, parsed.values, parsed.is_known) == (pattern, values, True)
    assert parsed.is_private is name.startswith(("user.", "block_rfq.maker"))
    assert parsed.payload == family_of(name).payload


@pytest.mark.parametrize("name", [name for *_, name in BUILT])
def test_parse_and_write(name: str) -> None:
    """What was read is written again as it was."""
    parsed = channels.parse(name)

    assert parsed.is_known
    assert channels.write(parsed.pattern, parsed.values) == name


@pytest.mark.parametrize(
    ("name", "private"), [("", False), ("rfq.BTC", False), ("novel.a.b", False), ("user.novel.X", True)]
)
def test_parse_unknown(name: str, private: bool) -> None:
    """A name that nobody knows is its own pattern, with plain values."""
    assert channels.parse(name) == channels.ParsedChannel(name, {}, None, private, is_known=False)


@pytest.mark.parametrize("name", [None, 5, b"quote.X"])
def test_parse_no_string(name: Any) -> None:
    """What is no string is no name."""
    with pytest.raises(UsageError, match="not a string"):
        channels.parse(name)


def test_write_missing() -> None:
    """A pattern's value that is missing is named."""
    with pytest.raises(UsageError, match="no value for interval"):
        channels.write("book.{instrument_name}.{interval}", {"instrument_name": "X"})


def test_types() -> None:
    """A type checker knows what a channel's messages carry: these lines are checked by mypy."""
    assert_type(channels.ticker("X"), channels.Channel[Ticker])
    assert_type(channels.trades("{instrument}"), channels.Channel[list[Trade]])
    assert_type(channels.user_orders("X", interval="raw"), channels.Channel[Order])
    assert_type(channels.user_orders("X"), channels.Channel[list[Order]])
    assert_type(channels.user_orders_by_kind(interval="raw"), channels.Channel[Order])
    assert_type(channels.user_orders_by_kind("option", "BTC", interval="agg2"), channels.Channel[list[Order]])
    assert_type(channels.user_orders_by_kind("{kind}", interval="raw"), channels.Channel[Order])
    assert_type(channels.trades_by_kind("{kind}", "{currency}"), channels.Channel[list[Trade]])
    assert_type(Notification("ticker.X.raw", 5, 0).data, int)

    notification: Notification = Notification("a", {}, 1)  # unparametrised, it is one of anything

    assert notification == Notification[dict[str, int]]("a", {}, 1)
    assert type(Notification[int]("a", 5, 1)) is Notification
