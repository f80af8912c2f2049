"""The demo from its beginning to its account.

Knows: the order of things. Must not know: how a screen is drawn or a sum is done. `command` runs it.
"""

import asyncio
import contextlib
from argparse import Namespace

from deribit_ws.cli.demo.account import NOTICE, Account, settle
from deribit_ws.cli.demo.board import Board
from deribit_ws.cli.demo.evidence import gather
from deribit_ws.cli.demo.listeners import listen
from deribit_ws.cli.demo.scenario import DISTURBANCES, schedule
from deribit_ws.cli.demo.telling import LiveView, Telling, chosen
from deribit_ws.cli.failures import FAILED, OK
from deribit_ws.cli.logs import start_logging, tell
from deribit_ws.cli.output import Output
from deribit_ws.cli.racing import until_first_ends
from deribit_ws.cli.running import backstop
from deribit_ws.client import Client
from deribit_ws.errors import DeribitError
from deribit_ws.testing import SimulatedExchange

INSTRUMENTS = 5  # perpetuals and a dated future: as many rows as leave room for the rest
OPTIONS = 1
INDICES = ["btc_usd", "eth_usd", "btc_usdc", "eth_usdc"]
RETRY_SECONDS = 0.5  # the longest wait between dials: an exchange of our own may be dialled often
OPEN_SECONDS = 1.0  # for a dial on loopback; a stalled one should not fill the demo
LIVE_SECONDS = 0.3  # for a link to bring some data before the next drop
PROGRESS_SECONDS = 5.0  # between two counts, where there is no screen
FAREWELL_LOOKS, LOOK_SECONDS = 15, 0.02  # for the exchange to hear that the client left
MOST_SECONDS = 59.0  # as promised: below a minute
GRACE_SECONDS = 3.0  # beyond the time asked for; then the demo ends whatever it waits for


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
        exchange.url, retry_seconds=RETRY_SECONDS, open_timeout=OPEN_SECONDS, close_timeout=RETRY_SECONDS
    )
    listen(client, board, INDICES)
    try:
        async with asyncio.timeout(seconds + GRACE_SECONDS), client:
            play, count = _disturb(exchange, board, seconds), _count(board)
            parts = (play, count, output.wait_broken(), _closed(client, board))
            await until_first_ends(*parts, name="deribit-ws demo")
    except TimeoutError:
        board.faults.append(f"the demo did not end within {seconds + GRACE_SECONDS:g} s")
    except DeribitError as error:
        board.faults.append(f"the client gave up: {error}")


async def _farewell(exchange: SimulatedExchange) -> None:
    """Let the exchange hear of the end of the last link, and write it down."""
    for _ in range(FAREWELL_LOOKS):
        if not exchange.connections:
            return
        await asyncio.sleep(LOOK_SECONDS)


async def _disturb(exchange: SimulatedExchange, board: Board, seconds: float) -> None:
    """Let each disturbance happen when it is due and a link is up, then wait for the end."""
    moments = zip(schedule(seconds), DISTURBANCES, strict=False)
    for due, disturbance in moments:
        await _sleep_until(board, due)
        await board.up.wait()
        await _sleep_until(board, board.marks[-1][0] - board.started + LIVE_SECONDS)
        if board.elapsed > seconds - LIVE_SECONDS:
            break  # recoveries took so long that there is no time left for one more
        board.disturbed(disturbance.name)
        disturbance.happen(exchange)
        with contextlib.suppress(TimeoutError):  # never noticed: the account will say so
            async with asyncio.timeout(NOTICE):
                await board.down.wait()
    await _sleep_until(board, seconds)
    await board.up.wait()  # the last drop is recovered from, too


async def _sleep_until(board: Board, elapsed: float) -> None:
    await asyncio.sleep(max(0.0, elapsed - board.elapsed))


async def _closed(client: Client, board: Board) -> None:
    await client.wait_closed()
    board.faults.append("the client closed by itself")


async def _count(board: Board) -> None:
    while True:
        await asyncio.sleep(PROGRESS_SECONDS)
        board.tell("progress", messages=board.messages.total(), trades=sum(map(len, board.trades.values())))
