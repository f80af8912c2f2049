"""What type checkers must know of the public face; checked under mypy strict and pyright, never run.

Every `assert_type` is a promise, and every `ignore` one too: both checkers tell of one that is not needed.
"""

from typing import Any, assert_type

from deribit_ws import Client, Credentials, Handler, LimitsSnapshot, Notification, Registration, channels, on
from deribit_ws.marks import Mark
from deribit_ws.types import (
    AccountSummary,
    BookChange,
    GroupedBook,
    Instrument,
    Order,
    OrderBookSnapshot,
    OrderPlaced,
    Portfolio,
    Position,
    Ticker,
    Trade,
    TradesPage,
    UserTrade,
)
from deribit_ws.wire.channels import Channel

client = Client(credentials=Credentials("id", "secret", grant_type="client_signature", scope="trade:read"))

assert_type(channels.ticker("BTC-PERPETUAL"), Channel[Ticker])
assert_type(channels.book("BTC-PERPETUAL", interval="raw"), Channel[BookChange])
assert_type(channels.trades("BTC-PERPETUAL"), Channel[list[Trade]])
assert_type(channels.user_orders("BTC-PERPETUAL", interval="raw"), Channel[Order])
assert_type(channels.user_orders("BTC-PERPETUAL", interval="100ms"), Channel[list[Order]])
assert_type(channels.user_trades("BTC-PERPETUAL"), Channel[list[UserTrade]])
assert_type(channels.user_portfolio("BTC"), Channel[Portfolio])
assert_type(channels.trades_by_kind("{kind}", "{currency}"), Channel[list[Trade]])
assert_type(channels.user_orders_by_kind("{kind}", interval="raw"), Channel[Order])
channels.trades_by_kind("futures")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


@client.on(channels.ticker("{instrument}"), instrument=["BTC-PERPETUAL"])
async def ticker(ticker: Ticker, instrument: str) -> None:
    assert_type(ticker.mark_price, float)


@client.on(channels.ticker("BTC-PERPETUAL"))
def plain(ticker: dict[str, Any]) -> None: ...


@client.on(channels.ticker("BTC-PERPETUAL"))
def undecoded(ticker: bytes) -> None: ...


@client.on(channels.trades("BTC-PERPETUAL"))
def whole(trades: Notification[list[Trade]]) -> None:
    assert_type(trades.data, list[Trade])


@client.on(channels.ticker("BTC-PERPETUAL"))  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType, reportUntypedFunctionDecorator]
def wrong(change: BookChange) -> int:
    return change.change_id


@client.on("ticker.BTC-PERPETUAL.100ms")
def unchecked(anything: GroupedBook) -> int:
    return 1


assert_type(unchecked(GroupedBook(change_id=1, instrument_name="", bids=[], asks=[])), int)


class Desk(Handler):
    """Methods are checked as functions are."""

    @on(channels.book("BTC-PERPETUAL"))
    def book(self, change: BookChange) -> None: ...

    @on(channels.trades("{instrument}"))
    async def trades(self, trades: list[Trade], instrument: str) -> None: ...

    @on(channels.book("BTC-PERPETUAL"))  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType, reportUntypedFunctionDecorator]
    def wrong(self, change: Ticker) -> None: ...


async def streams() -> None:
    async with client.stream(channels.ticker("BTC-PERPETUAL")) as tickers:
        async for item in tickers:
            assert_type(item, Notification[Ticker])
            assert_type(item.data.instrument_name, str)
    async with client.stream(channels.ticker("BTC-PERPETUAL"), marks=True) as marked:
        async for either in marked:
            assert_type(either, Notification[Ticker] | Mark)
    async with client.stream("ticker.BTC-PERPETUAL.100ms") as anything:
        async for one in anything:
            assert_type(one, Any)


async def calls() -> None:
    assert_type(await client.public.get_time(), int)
    assert_type(
        await client.public.get_order_book(instrument_name="BTC-PERPETUAL", depth=5), OrderBookSnapshot
    )
    assert_type(await client.public.get_instruments(currency="BTC", kind="option"), list[Instrument])
    page = await client.public.get_last_trades_by_instrument(instrument_name="BTC-PERPETUAL", sorting="asc")
    assert_type(page, TradesPage)
    placed = await client.private.buy(instrument_name="BTC-PERPETUAL", amount=10, type="limit", price=1.5)
    assert_type(placed, OrderPlaced)
    assert_type(placed.order, Order)
    assert_type(await client.private.get_positions(currency="BTC"), list[Position])
    assert_type(await client.private.get_account_summary(currency="BTC"), AccountSummary)
    assert_type(await client.call("public/get_time"), Any)
    await client.public.get_order_book(depth=5)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await client.private.buy(instrument_name="X", amount=1, type="maket")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await client.private.buy("BTC-PERPETUAL", 10)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def others() -> None:
    options = client.instruments("option", "BTC", where=lambda instrument: instrument.strike)
    assert_type(options["BTC-1"], Instrument)
    assert_type(list(options), list[str])
    assert_type(client.limits, LimitsSnapshot)
    assert_type(client.scope, str | None)
    assert_type(client.register(channels.ticker("{instrument}"), ticker, instrument=options), Registration)
    client.instruments("options", "BTC")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    channels.ticker("BTC-PERPETUAL", interval="1s")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
