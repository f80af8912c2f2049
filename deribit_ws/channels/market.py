"""Builders of the names of public channels, one per pattern.

Knows: the parameters of each, and what its messages carry. Must not know: subscriptions. Users call
these; `names` writes the names. A placeholder such as "{instrument}", or "*", in place of an instrument,
an index, a kind or a currency makes a typed pattern. Each raises `UsageError` for a value that can't be
part of a name, or is no word of Deribit's; whether an instrument, an index or a coin is there, the
exchange alone knows (`SubscriptionRejected`). Times are ms since the epoch,
amounts USD on inverse perpetuals and futures, else base coin.
"""

from deribit_ws.channels.names import Depth, Group, Interval, Kind, OpenKind, Resolution, write
from deribit_ws.wire.blocks import BlockRfqTrade
from deribit_ws.wire.channels import Channel
from deribit_ws.wire.instruments import Instrument, InstrumentState
from deribit_ws.wire.market import (
    BookChange,
    Candle,
    EstimatedExpirationPrice,
    GroupedBook,
    IncrementalTicker,
    IndexPrice,
    IndexSource,
    OptionMarkPrice,
    PerpetualInterest,
    PlatformState,
    PriceStatistics,
    PublicMethodsState,
    Quote,
    Ticker,
    Trade,
    VolatilityIndex,
)
from deribit_ws.wire.notices import Announcement


def platform_state() -> Channel[PlatformState]:
    """Locks of indices, and maintenance that begins; a few messages a second.

    https://docs.deribit.com/subscriptions/platform/platform_state
    """
    return Channel("platform_state")


def platform_state_public_methods_state() -> Channel[PublicMethodsState]:
    """Whether public calls need a login.

    https://docs.deribit.com/subscriptions/platform/platform_statepublic_methods_state
    """
    return Channel("platform_state.public_methods_state")


def announcements() -> Channel[Announcement]:
    """News of the exchange, such as maintenance to come; a body is HTML.

    https://docs.deribit.com/subscriptions/announcements/announcements
    """
    return Channel("announcements")


def book(instrument_name: str, *, interval: Interval = "100ms") -> Channel[BookChange]:
    """The order book: all of it at first, then what changed, to be chained by `prev_change_id`.

    Raw needs a login.
    https://docs.deribit.com/subscriptions/orderbook/bookinstrument_nameinterval
    """
    values = {"instrument_name": instrument_name, "interval": interval}
    return write("book.{instrument_name}.{interval}", values)


def grouped_book(
    instrument_name: str, *, group: Group = "none", depth: Depth = 10, interval: Interval = "100ms"
) -> Channel[GroupedBook]:
    """The top of the order book, whole each time; `group` price steps make a level, hundredths on ETH.

    Raw needs a login.
    https://docs.deribit.com/subscriptions/orderbook/bookinstrument_namegroupdepthinterval
    """
    values = {"instrument_name": instrument_name, "group": group, "depth": depth, "interval": interval}
    return write("book.{instrument_name}.{group}.{depth}.{interval}", values)


def ticker(instrument_name: str, *, interval: Interval = "100ms") -> Channel[Ticker]:
    """Best prices, mark price, volumes, and funding or greeks of one instrument, whole each time.

    Raw needs a login.
    https://docs.deribit.com/subscriptions/market-data/tickerinstrument_nameinterval
    """
    values = {"instrument_name": instrument_name, "interval": interval}
    return write("ticker.{instrument_name}.{interval}", values)


def incremental_ticker(instrument_name: str) -> Channel[IncrementalTicker]:
    """A ticker of one instrument: whole at first, then what changed, once a second at most.

    https://docs.deribit.com/subscriptions/market-data/incremental_tickerinstrument_name
    """
    return write("incremental_ticker.{instrument_name}", {"instrument_name": instrument_name})


def perpetual(instrument_name: str, *, interval: Interval = "100ms") -> Channel[PerpetualInterest]:
    """Funding of a perpetual, as a fraction; of any other instrument nothing ever comes.

    Raw needs a login.
    https://docs.deribit.com/subscriptions/market-data/perpetualinstrument_nameinterval
    """
    values = {"instrument_name": instrument_name, "interval": interval}
    return write("perpetual.{instrument_name}.{interval}", values)


def quote(instrument_name: str) -> Channel[Quote]:
    """Best bid and ask of one instrument, and their amounts; None on an empty side.

    https://docs.deribit.com/subscriptions/market-data/quoteinstrument_name
    """
    return write("quote.{instrument_name}", {"instrument_name": instrument_name})


def trades(instrument_name: str, *, interval: Interval = "100ms") -> Channel[list[Trade]]:
    """Trades of one instrument, without those of before; `trade_seq` counts them.

    Raw needs a login.
    https://docs.deribit.com/subscriptions/trades/tradesinstrument_nameinterval
    """
    values = {"instrument_name": instrument_name, "interval": interval}
    return write("trades.{instrument_name}.{interval}", values)


def trades_by_kind(
    kind: Kind | OpenKind = "any", currency: str = "any", *, interval: Interval = "100ms"
) -> Channel[list[Trade]]:
    """Trades of all instruments of a kind and currency; `trade_seq` counts for each instrument.

    Raw needs a login.
    https://docs.deribit.com/subscriptions/trades/tradeskindcurrencyinterval
    """
    values = {"kind": kind, "currency": currency, "interval": interval}
    return write("trades.{kind}.{currency}.{interval}", values)


def chart_trades(instrument_name: str, *, resolution: Resolution = "1") -> Channel[Candle]:
    """Candles of one instrument, of `resolution` minutes or a day; final when one of a later `tick` comes.

    https://docs.deribit.com/subscriptions/market-data/charttradesinstrument_nameresolution
    """
    values = {"instrument_name": instrument_name, "resolution": resolution}
    return write("chart.trades.{instrument_name}.{resolution}", values)


def deribit_price_index(index_name: str) -> Channel[IndexPrice]:
    """The price of an index, e.g. btc_usd, about once a second.

    https://docs.deribit.com/subscriptions/market-data/deribit_price_indexindex_name
    """
    return write("deribit_price_index.{index_name}", {"index_name": index_name})


def deribit_price_ranking(index_name: str) -> Channel[list[IndexSource]]:
    """The exchanges an index is made of, their prices and weights (percent), about once a second.

    https://docs.deribit.com/subscriptions/market-data/deribit_price_rankingindex_name
    """
    return write("deribit_price_ranking.{index_name}", {"index_name": index_name})


def deribit_price_statistics(index_name: str) -> Channel[PriceStatistics]:
    """Low, high and change of an index over 24 hours, in its quote currency.

    https://docs.deribit.com/subscriptions/market-data/deribit_price_statisticsindex_name
    """
    return write("deribit_price_statistics.{index_name}", {"index_name": index_name})


def deribit_volatility_index(index_name: str) -> Channel[VolatilityIndex]:
    """DVOL, in percent a year; messages come for btc_usd and eth_usd only.

    https://docs.deribit.com/subscriptions/market-data/deribit_volatility_indexindex_name
    """
    return write("deribit_volatility_index.{index_name}", {"index_name": index_name})


def estimated_expiration_price(index_name: str) -> Channel[EstimatedExpirationPrice]:
    """What the next expiry would be settled at, and the seconds until then.

    https://docs.deribit.com/subscriptions/market-data/estimated_expiration_priceindex_name
    """
    return write("estimated_expiration_price.{index_name}", {"index_name": index_name})


def markprice_options(index_name: str) -> Channel[list[OptionMarkPrice]]:
    """Mark prices (in the settlement coin) and volatilities (fractions) of all options on an index.

    https://docs.deribit.com/subscriptions/market-data/markpriceoptionsindex_name
    """
    return write("markprice.options.{index_name}", {"index_name": index_name})


def instrument_creation(kind: Kind | OpenKind = "any", currency: str = "any") -> Channel[Instrument]:
    """New instruments of a kind and currency, each whole, once.

    https://docs.deribit.com/subscriptions/market-data/instrumentcreationkindcurrency
    """
    return write("instrument.creation.{kind}.{currency}", {"kind": kind, "currency": currency})


def instrument_state(kind: Kind | OpenKind = "any", currency: str = "any") -> Channel[InstrumentState]:
    """Changes of instruments' states; locks of an index are told on `platform_state` only.

    https://docs.deribit.com/subscriptions/market-data/instrumentstatekindcurrency
    """
    return write("instrument.state.{kind}.{currency}", {"kind": kind, "currency": currency})


def block_rfq_trades(currency: str = "any") -> Channel[BlockRfqTrade]:
    """Block RFQs that traded, of all takers and makers, with the index prices of then.

    https://docs.deribit.com/subscriptions/block-rfq/block_rfqtradescurrency
    """
    return write("block_rfq.trades.{currency}", {"currency": currency})
