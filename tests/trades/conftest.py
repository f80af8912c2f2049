"""What tests of live trades share: a client of a simulated exchange in memory, and ears."""

import asyncio
import functools
import inspect
import random
from collections.abc import Callable
from typing import Any

from deribit_ws import Client, Gap, Handler, State, Trade
from deribit_ws.testing import Drop, SimulatedExchange
from deribit_ws.testing.memory import MemoryNetwork, loop_clock

BTC = "BTC-PERPETUAL"
BY_SEQ = "public/get_last_trades_by_instrument"


class Ears(Handler):
    """Remembers the gaps it is told of."""

    def __init__(self) -> None:
        self.gaps: list[Gap] = []

    def on_gap(self, event: Gap) -> None:
        self.gaps.append(event)


class Stage:
    """An exchange whose market moves by hand, and one client of it, in virtual time."""

    def __init__(self, exchange: SimulatedExchange, network: MemoryNetwork, client: Client) -> None:
        self.exchange = exchange
        self.network = network
        self.client = client
        self.ears = Ears()
        client.add_handler(self.ears)

    def trade(self, n: int = 1, name: str = BTC) -> list[int]:
        """Make trades, told on the 100ms channels at the next `speak`; give their trade_seqs."""
        line = self.exchange.market[name]
        first = line.next_trade_seq
        amount = line.instrument.min_trade_amount
        while line.next_trade_seq < first + n:
            price = line.instrument.price(max(1, line.instrument.ticks(line.mark_price)))
            self.exchange.market.place(name, "sell", price=price, amount=amount)
            if line.next_trade_seq < first + n:
                self.exchange.market.take(name, "buy", amount=amount)
        return list(range(first, line.next_trade_seq))

    async def speak(self) -> None:
        """Let the channels say what they have gathered, and the client hear it."""
        self.exchange.step()
        await asyncio.sleep(0.01)

    async def tell(self, n: int = 1, name: str = BTC) -> list[int]:
        """Make trades, and have them told."""
        seqs = self.trade(n, name)
        await self.speak()
        return seqs

    async def drop(self) -> None:
        """Cut the link."""
        self.exchange.inject(Drop.rst())
        while self.client.state is State.CONNECTED:  # noqa: ASYNC110  virtual time
            await asyncio.sleep(0.001)

    async def back(self) -> None:
        """Wait for the next link, and for what follows at once."""
        await self.client.wait_connected()
        await asyncio.sleep(0.5)

    def asked(self, method: str = BY_SEQ) -> list[dict[str, Any]]:
        """What history was asked, baselines left out."""
        calls = self.exchange.ledger.requests_of(method)
        return [call.params for call in calls if call.params.get("sorting") == "asc"]


def read_now(trades: Any) -> list[Any]:
    """Take what is ready, without waiting: trade_seqs, gaps as (first, last), names of other marks."""
    out: list[Any] = []
    while trades._has_next():
        item = trades._next()
        if isinstance(item, Trade):
            out.append(item.trade_seq)
        else:
            out.append((item.first, item.last) if isinstance(item, Gap) else type(item).__name__)
    return out


def staged(**options: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorate a test with a stage, raised in its own virtual time, which fixtures are not run in.

    The instruments the crowd would trade stand still, so that each trade is the test's.
    """

    def decorate(test: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(test)
        async def on_stage(**fixtures: Any) -> None:
            random.seed(0)  # the back-off's
            clock = loop_clock()
            exchange = SimulatedExchange(
                listen=False, autoplay=False, step_seconds=0.1, wall_clock=clock, **options
            )
            async with exchange, exchange.memory() as network:
                client = Client(exchange.url, session=network.session, retry_seconds=0.05)
                for name in exchange.instruments:
                    exchange.set_state(name, "locked")
                stage = Stage(exchange, network, client)
                async with client:
                    await test(stage=stage, **fixtures)

        whole = inspect.signature(test)
        kept = [one for name, one in whole.parameters.items() if name != "stage"]
        on_stage.__signature__ = whole.replace(parameters=kept)  # type: ignore[attr-defined]  # for pytest
        return on_stage

    return decorate
