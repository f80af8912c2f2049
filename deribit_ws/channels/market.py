"""Builders of the names of public channels, one per pattern.

Knows: the parameters of each, and what its messages carry. Must not know: subscriptions. Users call
these; `names` writes the names. A name in place of an instrument, an index or a currency may also be a
placeholder such as "{instrument}", which makes a typed pattern. Each raises `UsageError` for a value
that Deribit would silently leave unsubscribed. Source: docs.deribit.com, subscriptions.
"""

from deribit_ws.channels.names import Depth, Group, Interval, Kind, Resolution, write
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
    """Locks of indices, and maintenance."""
    return Channel("platform_state")


def platform_state_public_methods_state() -> Channel[PublicMethodsState]:
    """Whether public calls need a login."""
    return Channel("platform_state.public_methods_state")


def announcements() -> Channel[Announcement]:
    """News of the exchange."""
    return Channel("announcements")


def book(instrument_name: str, *, interval: Interval = "100ms") -> Channel[BookChange]:
    """The order book: all of it at first, then what changed."""
    values = {"instrument_name": instrument_name, "interval": interval}
    return write("book.{instrument_name}.{interval}", values)


def grouped_book(
    instrument_name: str, *, group: Group = "none", depth: Depth = 10, interval: Interval = "100ms"
) -> Channel[GroupedBook]:
    """The top of the order book, whole each time."""
    values = {"instrument_name": instrument_name, "group": group, "depth": depth, "interval": interval}
    return write("book.{instrument_name}.{group}.{depth}.{interval}", values)


def ticker(instrument_name: str, *, interval: Interval = "100ms") -> Channel[Ticker]:
    """Prices, volumes, funding or greeks of one instrument."""
    values = {"instrument_name": instrument_name, "interval": interval}
    return write("ticker.{instrument_name}.{interval}", values)


def incremental_ticker(instrument_name: str) -> Channel[IncrementalTicker]:
    """The same, whole at first, then what changed; once a second at most."""
    return write("incremental_ticker.{instrument_name}", {"instrument_name": instrument_name})


def perpetual(instrument_name: str, *, interval: Interval = "100ms") -> Channel[PerpetualInterest]:
    """Funding of a perpetual; of any other instrument nothing ever comes."""
    values = {"instrument_name": instrument_name, "interval": interval}
    return write("perpetual.{instrument_name}.{interval}", values)


def quote(instrument_name: str) -> Channel[Quote]:
    """Best bid and ask."""
    return write("quote.{instrument_name}", {"instrument_name": instrument_name})


def trades(instrument_name: str, *, interval: Interval = "100ms") -> Channel[list[Trade]]:
    """Trades of one instrument."""
    values = {"instrument_name": instrument_name, "interval": interval}
    return write("trades.{instrument_name}.{interval}", values)


def trades_by_kind(
    kind: Kind = "any", currency: str = "any", *, interval: Interval = "100ms"
) -> Channel[list[Trade]]:
    """Trades of all instruments of a kind and currency."""
    values = {"kind": kind, "currency": currency, "interval": interval}
    return write("trades.{kind}.{currency}.{interval}", values)


def chart_trades(instrument_name: str, *, resolution: Resolution = "1") -> Channel[Candle]:
    """Candles of one instrument."""
    values = {"instrument_name": instrument_name, "resolution": resolution}
    return write("chart.trades.{instrument_name}.{resolution}", values)


def deribit_price_index(index_name: str) -> Channel[IndexPrice]:
    """An index, about once a second."""
    return write("deribit_price_index.{index_name}", {"index_name": index_name})


def deribit_price_ranking(index_name: str) -> Channel[list[IndexSource]]:
    """The exchanges an index is made of."""
    return write("deribit_price_ranking.{index_name}", {"index_name": index_name})


def deribit_price_statistics(index_name: str) -> Channel[PriceStatistics]:
    """An index over 24 hours."""
    return write("deribit_price_statistics.{index_name}", {"index_name": index_name})


def deribit_volatility_index(index_name: str) -> Channel[VolatilityIndex]:
    """DVOL; messages come for btc_usd and eth_usd."""
    return write("deribit_volatility_index.{index_name}", {"index_name": index_name})


def estimated_expiration_price(index_name: str) -> Channel[EstimatedExpirationPrice]:
    """What the next expiry would be settled at."""
    return write("estimated_expiration_price.{index_name}", {"index_name": index_name})


def markprice_options(index_name: str) -> Channel[list[OptionMarkPrice]]:
    """Mark prices of all options on an index."""
    return write("markprice.options.{index_name}", {"index_name": index_name})


def instrument_creation(kind: Kind = "any", currency: str = "any") -> Channel[Instrument]:
    """New instruments."""
    return write("instrument.creation.{kind}.{currency}", {"kind": kind, "currency": currency})


def instrument_state(kind: Kind = "any", currency: str = "any") -> Channel[InstrumentState]:
    """Changes of instruments' states; locks of an index are told on `platform_state` only."""
    return write("instrument.state.{kind}.{currency}", {"kind": kind, "currency": currency})


def block_rfq_trades(currency: str = "any") -> Channel[BlockRfqTrade]:
    """Block RFQs that traded."""
    return write("block_rfq.trades.{currency}", {"currency": currency})
