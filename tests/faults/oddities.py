"""Row 23: what looks wrong and is legal, as real traffic has it.

Knows: literal frames with the oddities that were recorded, and what each must be read as. Recordings
themselves are replayed where there are some ($DERIBIT_CAPTURES), as in `tests/captures`.
"""

import asyncio
import os
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from deribit_ws import Client, Handler, Notification
from deribit_ws.books import LiveBook
from deribit_ws.testing import Say
from tests.captures.test_replay import channels_of, replaying
from tests.faults.row import BOTH, alone, row
from tests.faults.stage import Layer, Stage
from tests.faults.staying import ours, stays

TITLE = "legal oddities of real traffic"
QUIET = "BTC-25DEC26-45000-P"  # nobody quotes it
ROOT = Path(__file__).parents[2]
CAPTURES = Path(os.environ.get("DERIBIT_CAPTURES", ROOT.parent / "shared" / "captures"))
RECORDING = CAPTURES / "cryptofeed" / "DERIBIT.ws.1.0"
END = "announcements"  # said after a recording
REPLAY_SECONDS = 20.0  # for 135 messages; far more than they need


class Odd(NamedTuple):
    """A notification, and what its payload must be read as."""

    channel: str
    data: str
    is_read: Callable[[Any], bool]


ODD = (
    Odd(  # exponents, ints for floats, a strike with a decimal point, nothing traded, words for a number
        "ticker.XRP_USDC-27NOV26-1d02-C.100ms",
        '{"timestamp":1795348800123,"state":"open","stats":{"high":null,"low":null,"price_change":null,'
        '"volume":0,"volume_usd":0.0},"index_price":1,"instrument_name":"XRP_USDC-27NOV26-1d02-C",'
        '"last_price":null,"min_price":1e-4,"max_price":3.2e4,"open_interest":2.2E3,"mark_price":1.423e-4,'
        '"best_ask_price":0,"best_bid_price":0.0,"estimated_delivery_price":"expired","best_ask_amount":0}',
        lambda ticker: (
            (ticker.last_price, ticker.max_price, ticker.mark_price, ticker.stats.high)
            == (None, 32_000.0, 0.0001423, None)
            and ticker.estimated_delivery_price == "expired"
        ),
    ),
    Odd(  # a combo, below zero
        "ticker.BTC-FS-27NOV26_PERP.100ms",
        '{"best_bid_price":-12.5,"best_ask_price":-0.5,"mark_price":-3,"timestamp":1795348800123,'
        '"state":"locked","instrument_name":"BTC-FS-27NOV26_PERP","implied_bid":-13.0,"combo_state":"active"}',
        lambda ticker: (ticker.best_bid_price, ticker.mark_price) == (-12.5, -3.0),
    ),
    Odd(
        "trades.BTC-FS-27NOV26_PERP.100ms",
        '[{"trade_seq":1,"trade_id":"403691824","timestamp":1795348800123,"tick_direction":3,"price":-12.5,'
        '"mark_price":-12.25,"instrument_name":"BTC-FS-27NOV26_PERP","index_price":9.6e4,"direction":"sell",'
        '"amount":1E1,"contracts":1.0,"legs":[],"liquidation":"MT"}]',
        lambda trades: (trades[0].price, trades[0].amount, trades[0].trade_seq) == (-12.5, 10.0, 1),
    ),
    Odd(  # an order whose price is words, in a state that is new
        "user.orders.ETH-PERPETUAL.raw",
        '{"order_id":"ETH-584864807","order_state":"speed_bumped","order_type":"stop_market","price":"market_price",'
        '"instrument_name":"ETH-PERPETUAL","direction":"buy","amount":1e1,"filled_amount":0,"label":"",'
        '"creation_timestamp":1795348800123,"last_update_timestamp":1795348800123,"web":false,"api":true,'
        '"average_price":0,"time_in_force":"good_til_cancelled","post_only":false,"reduce_only":false,'
        '"max_show":10,"replaced":false,"is_liquidation":false,"trigger":"mark_price","starbase":{}}',
        lambda orders: "market_price" in repr(orders) and "speed_bumped" in repr(orders),
    ),
    Odd(  # an old feed's first message of a book, without a type, of nothing at all
        "book.XRP_USDC-PERPETUAL.100ms",
        '{"timestamp":1795348800123,"instrument_name":"XRP_USDC-PERPETUAL","change_id":0,"bids":[],"asks":[]}',
        lambda change: change.is_snapshot and change.change_id == 0,
    ),
    Odd(
        "quote.XRP_USDC-PERPETUAL",
        '{"timestamp":1795348800123,"instrument_name":"XRP_USDC-PERPETUAL","best_bid_price":null,'
        '"best_bid_amount":0.0,"best_ask_price":null,"best_ask_amount":0.0}',
        lambda quote: quote.best_bid_price is None,
    ),
    Odd(
        "deribit_price_index.btc_usd",
        '{"timestamp":1.795348800123e12,"price":96000,"index_name":"btc_usd"}',
        lambda index: (index.price, index.timestamp) == (96_000.0, 1_795_348_800_123),
    ),
    Odd("platform_state", '{"maintenance":true}', lambda state: "True" in repr(state)),
    Odd("moon.phase", '{"phase":2e0}', lambda moon: moon == {"phase": 2.0}),
)
ENVELOPES = (
    '{{"jsonrpc":"2.0","method":"subscription","params":{{"channel":"{}","data":{}}}}}',
    '{{"params":{{"data":{1},"channel":"{0}"}},"method":"subscription","jsonrpc":"2.0"}}',
    ' {{ "method" : "subscription" , "params" : {{ "label" : "x" , "channel" : "{}" , "data" : {} }} }}\n',
    '{{"jsonrpc":"2.0","method":"\\u0073ubscription","params":{{"channel":"{}","data":{}}},"testnet":false}}',
)


@row(23, TITLE, BOTH)
async def odd_data(stage: Stage) -> None:
    """Odd numbers, nulls, words for prices and members in any order are read for what they mean."""
    heard: dict[str, Any] = {}

    def hear(notification: Notification) -> None:
        heard[notification.channel] = notification.data

    registration = ours(stage).client.register(">", hear)
    envelope = stage.choose(*ENVELOPES)
    for odd in ODD:
        stage.exchange.inject(Say(text=envelope.format(odd.channel, odd.data)))
    errors = await stays(stage, 0.0)
    registration.cancel()

    wrong = [odd.channel for odd in ODD if odd.channel not in heard or not odd.is_read(heard[odd.channel])]
    assert not wrong, f"read as {[heard.get(channel) for channel in wrong]}"
    assert not errors, errors


def _book(change_id: int, rest: str) -> str:
    return (
        f'{{"jsonrpc":"2.0","method":"subscription","params":{{"channel":"book.{QUIET}.100ms","data":{{'
        f'"timestamp":{1_795_348_800_000 + change_id},"instrument_name":"{QUIET}","change_id":{change_id},'
        f"{rest}}}}}}}"
    )


# What follows the snapshot of an empty book, 0: its change_id, the rest of it, the bids there are then.
ODD_BOOK = (
    (9, '"type":"change","prev_change_id":0,"bids":[["new",5e-4,1e1]],"asks":[]', 1),
    (40, '"prev_change_id":9,"bids":[["delete",0.0005,0]],"asks":[]', 0),
    (41, '"bids":[["new",1,2]],"asks":[]', 1),
    (50, '"type":"snapshot","prev_change_id":49,"bids":[["new",1,2],["new",0.5,2]],"asks":[]', 2),
    (60, '"type":"change","prev_change_id":50,"bids":[],"asks":[["new",7,1]],"extra":1', 2),
)


@row(23, TITLE, BOTH)
async def odd_book(stage: Stage) -> None:
    """A book may begin at 0 with nothing, or with a prev_change_id, or say no type, and is valid."""
    async with ours(stage).client.order_book(QUIET) as book:
        await book.wait_valid()
        assert (book.change_id, len(book.bids), len(book.asks)) == (0, 0, 0)
        for change_id, rest, bids in ODD_BOOK:
            stage.exchange.inject(Say(text=_book(change_id, rest)))
            await stage.until(partial(_is_at, book, change_id), 1.0)

            assert (book.valid, len(book.bids)) == (True, bids), f"{book!r} after {rest}"
        assert (book.gaps, book.resyncs) == (0, 0)
    errors = await stays(stage, 0.0, seconds=0.1)

    assert not errors, errors


def _is_at(book: LiveBook, change_id: int) -> bool:
    return book.change_id == change_id


def _without_recording() -> str | None:
    return None if RECORDING.is_file() else "no recordings: $DERIBIT_CAPTURES names none"


class _Errors(Handler):
    def __init__(self) -> None:
        self.told: list[Exception] = []

    def on_error(self, error: Exception) -> None:
        self.told.append(error)


async def recorded(seed: int) -> float:
    """Recorded traffic is read to the end with no error told; gives the seconds without a link, 0."""
    frames = [
        found[1] for line in RECORDING.read_text().splitlines() if (found := re.match(r"[\d.]+: (.*)", line))
    ]
    said, seen, errors = channels_of(frames), list[str](), _Errors()

    def hear(notification: Notification) -> None:
        seen.append(notification.channel)

    async with asyncio.timeout(REPLAY_SECONDS), replaying(frames) as url:
        client = Client(url)
        client.add_handler(errors)
        client.register(">", hear)
        async with client, client.stream(END) as end:
            await anext(end)

    assert seen == [*said, END], f"{len(seen)} of {len(said)} messages were read"
    assert not errors.told, errors.told
    return 0.0


alone(23, TITLE, Layer.SOCKETS, recorded, bound=0.0, why_not=_without_recording, most_seeds=1)
