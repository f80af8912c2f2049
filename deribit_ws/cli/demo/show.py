"""The demo from its beginning to its account.

Knows: the order of things. Must not know: how a screen is drawn or a sum is done. `command` runs it.
"""

import asyncio
import contextlib
from argparse import Namespace
from collections.abc import Coroutine, Iterator
from typing import Any

from deribit_ws.auth import Credentials
from deribit_ws.cli.demo.account import Account, settle
from deribit_ws.cli.demo.board import Board
from deribit_ws.cli.demo.drop_account import NOTICE
from deribit_ws.cli.demo.evidence import gather, newest_trade
from deribit_ws.cli.demo.listeners import listen
from deribit_ws.cli.demo.readers import read_book, read_trades
from deribit_ws.cli.demo.scenario import STORY, schedule
from deribit_ws.cli.demo.telling import LiveView, Telling, chosen
from deribit_ws.cli.demo.trader import Trader
from deribit_ws.cli.failures import FAILED, OK
from deribit_ws.cli.logs import start_logging, tell
from deribit_ws.cli.output import Output
from deribit_ws.cli.racing import until_first_ends
from deribit_ws.cli.running import backstop
from deribit_ws.client import Client
from deribit_ws.errors import DeribitError
from deribit_ws.testing import Ledger, SimulatedExchange, SkipChange

INSTRUMENTS = 5  # perpetuals and a dated future: as many rows as leave room for the rest
OPTIONS = 1
INDICES = ["btc_usd", "eth_usd", "btc_usdc", "eth_usdc"]
RETRY_SECONDS = 0.5  # the longest wait between dials: an exchange of our own may be dialled often
OPEN_SECONDS = 1.0  # for a dial on loopback; a stalled one should not fill the demo
LIVE_SECONDS = 0.3  # for a link to bring some data before the next drop
REST_SECONDS = 0.8  # before the end, in which nothing more is disturbed
PROGRESS_SECONDS = 5.0  # between two counts, where there is no screen
FAREWELL_LOOKS, LOOK_SECONDS = 15, 0.02  # for the exchange to hear that the client left
MOST_SECONDS = 59.0  # as promised: below a minute
GRACE_SECONDS = 3.5  # beyond the time asked for; then the demo ends whatever it waits for
LEVEL_SECONDS = 3.0  # within it, for the last drop to be recovered from, and all that is owed to come


async def run(options: Namespace) -> int:
    """Play the demo, and give the status that its account deserves."""
    output = Output()
    last_resort = backstop(MOST_SECONDS, FAILED)  # for a terminal that takes nothing more
    try:
        account = await _played(options, chosen(output), output)
    finally:
        await output.close()
        last_resort.cancel()
    return OK if account.adds_up else FAILED


async def _played(options: Namespace, telling: Telling, output: Output) -> Account:
    async with SimulatedExchange(seed=options.seed) as exchange:
        names = exchange.instruments
        shown = (*names[:INSTRUMENTS], *[n for n in names if n.endswith(("-C", "-P"))][:OPTIONS])
        board = Board(shown, asyncio.get_running_loop().time, telling.happened)
        start_logging(
            verbose=options.verbose,
            marks_are_told=True,
            to=tell if options.verbose and not isinstance(telling, LiveView) else board.logs.append,
        )
        board.tell("started", url=exchange.url, seconds=options.seconds, seed=options.seed)
        interrupted = False
        with telling.showing(board, exchange.url, options.seconds):
            try:
                await _watched(exchange, board, options.seconds, output)
            except asyncio.CancelledError:
                interrupted = True  # a signal: the account of so far is still owed
        await _farewell(exchange)
        account = settle(gather(board, exchange.ledger, interrupted=interrupted))
        telling.settled(account)
        return account


async def _watched(exchange: SimulatedExchange, board: Board, seconds: float, output: Output) -> None:
    """Run the client until the time is over; it is closed when this ends, however it ends."""
    client = Client(
        exchange.url,
        credentials=Credentials("simulated", "secret"),
        retry_seconds=RETRY_SECONDS,
        open_timeout=OPEN_SECONDS,
        close_timeout=RETRY_SECONDS,
    )
    listen(client, board, INDICES)
    trader = Trader(client, board)
    try:
        async with asyncio.timeout(seconds + GRACE_SECONDS), client:
            await until_first_ends(
                _played_out(exchange, board, trader, seconds),
                trader.run(),
                _count(board),
                _closed(client, board),
                output.wait_broken(),
                *_readers(client, board, exchange.ledger),
                name="deribit-ws demo",
            )
    except TimeoutError:
        board.faults.append(f"the demo did not end within {seconds + GRACE_SECONDS:g} s")
    except DeribitError as error:
        board.faults.append(f"the client gave up: {error}")


def _readers(client: Client, board: Board, ledger: Ledger) -> Iterator[Coroutine[Any, Any, None]]:
    for instrument in board.rows:
        yield read_trades(client, board, instrument, lambda name: newest_trade(ledger, name))
        yield read_book(client, board, instrument, ledger.book_at)


async def _farewell(exchange: SimulatedExchange) -> None:
    """Let the exchange hear of the end of the last link, and write it down."""
    for _ in range(FAREWELL_LOOKS):
        if not exchange.connections:
            return
        await asyncio.sleep(LOOK_SECONDS)


async def _played_out(exchange: SimulatedExchange, board: Board, trader: Trader, seconds: float) -> None:
    """The whole show: the disturbances, the rest of the time, and what is owed at its end."""
    await _disturb(exchange, board, trader, seconds)
    await _sleep_until(board, seconds)
    trader.stop()
    for instrument, row in board.rows.items():
        row.until = newest_trade(exchange.ledger, instrument)
    with contextlib.suppress(TimeoutError):  # the account will say what is missing
        async with asyncio.timeout(LEVEL_SECONDS):
            rows = board.rows.values()
            await exchange.ledger.until(lambda: trader.is_done and all(row.is_level for row in rows))


async def _disturb(exchange: SimulatedExchange, board: Board, trader: Trader, seconds: float) -> None:
    """Let each disturbance happen when it is due and a link is up; before all, a gap that is no drop."""
    exchange.inject(SkipChange(f"book.{next(iter(board.rows))}.100ms"))
    moments = zip(schedule(seconds), STORY, strict=False)
    for due, disturbance in moments:
        await _sleep_until(board, due)
        await board.up.wait()
        await _sleep_until(board, board.marks[-1][0] - board.started + LIVE_SECONDS)
        if board.elapsed > seconds - REST_SECONDS:
            break  # recoveries took so long that there is no time left for one more
        board.disturbed(disturbance.name)
        disturbance.happen(exchange)
        if disturbance.needs_order:
            trader.order("buy")
        with contextlib.suppress(TimeoutError):  # never noticed: the account will say so
            async with asyncio.timeout(NOTICE):
                await board.down.wait()


async def _sleep_until(board: Board, elapsed: float) -> None:
    await asyncio.sleep(max(0.0, elapsed - board.elapsed))


async def _closed(client: Client, board: Board) -> None:
    await client.wait_closed()
    board.faults.append("the client closed by itself")


async def _count(board: Board) -> None:
    while True:
        await asyncio.sleep(PROGRESS_SECONDS)
        board.tell("progress", messages=board.messages.total(), trades=board.trades)
