"""The factories behind the fixtures: simulated exchanges and clients, as a test asks for them.

Knows: how to make one of either, and what to make of a test's seed and time. Must not know: pytest, nor when
a test ends; `stage` closes what is made here.
"""

import asyncio
import zlib
from contextlib import AsyncExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from deribit_ws.client import Client
from deribit_ws.handlers import Handler
from deribit_ws.pytest_plugin.stage import Stage
from deribit_ws.pytest_plugin.story import Injected, story
from deribit_ws.testing import Fault, MemoryNetwork, SimulatedExchange, loop_clock

if TYPE_CHECKING:
    import aiohttp


class StagedExchange(SimulatedExchange):
    """A simulated exchange that a test made: it remembers its faults, and has the network to reach it.

    Args:
        seed: of all chance.
        listen: False opens no socket, makes the `network`, and lets its clock follow the loop's, from a
            Sunday in November 2026 on.
        latency: (low, high) seconds that each portion of bytes takes on that network.
        options: as for `SimulatedExchange`.

    Attributes:
        seed: as given.
        network: of an exchange that does not listen, to `inject` faults of the link into; else None.
        injected: the faults so far.
    """

    def __init__(
        self, *, seed: int, listen: bool = True, latency: tuple[float, float] = (0.0, 0.0), **options: Any
    ) -> None:
        if not listen:
            options.setdefault("wall_clock", loop_clock())
        super().__init__(seed=seed, listen=listen, **options)
        self.seed = seed
        self.network: MemoryNetwork | None = None if listen else self.memory(seed=seed, latency=latency)
        self.injected: list[Injected] = []
        self._exits = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        if self.network is not None:
            await self._exits.enter_async_context(self.network)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._exits.aclose()
        await super().__aexit__(kind, error, trace)

    @property
    def session(self) -> "aiohttp.ClientSession | None":
        """What to give `Client(exchange.url, session=…)`; None where the exchange listens on a socket."""
        return self.network.session if self.network is not None else None

    def inject(self, fault: Fault, connection: int | None = None) -> None:
        """Let a fault happen; see `SimulatedExchange.inject`."""
        self.injected.append(Injected(asyncio.get_running_loop().time(), fault, connection))
        super().inject(fault, connection)


class ExchangeFactory:
    """The fixture `deribit_exchange`."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    async def __call__(
        self, *, seed: int | None = None, listen: bool | None = None, **options: Any
    ) -> StagedExchange:
        """Start a simulated exchange, and stop it after the test's clients.

        Args:
            seed: of all chance; left out it is made of the test's name, so each run has the same, and so
                has each example of hypothesis.
            listen: True on a loopback socket, False in memory. None: in memory where the loop's time is
                virtual (looptime), where a socket would be late; else on a socket.
            options: as for `StagedExchange` and `SimulatedExchange`, e.g. `autoplay=False`.
        """
        if seed is None:
            seed = zlib.crc32(f"{self._stage.name} {len(self._stage.stories) + 1}".encode())
        if listen is None:
            listen = not getattr(asyncio.get_running_loop(), "looptime_on", False)
        exchange = StagedExchange(seed=seed, listen=listen, **options)
        self._stage.stories.append(lambda: story(exchange.seed, exchange.ledger, exchange.injected))
        return await self._stage.enter(exchange)


class ClientFactory:
    """The fixture `deribit_client`.

    What a callback raised fails the test at its end: the client tells and logs it, and goes on.

    Attributes:
        errors: what was told to `on_error` of these clients so far.
    """

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.errors = stage.errors

    def expect(self, *kinds: type[Exception]) -> None:
        """Let callbacks of this test raise errors of these kinds."""
        self._stage.expected += kinds

    async def __call__(self, exchange: SimulatedExchange, *handlers: Handler, **options: Any) -> Client:
        """Connect a client to an exchange, and close it at the end of the test, before the exchange.

        Args:
            exchange: where to.
            handlers: added before it connects.
            options: as for `Client`, e.g. `credentials=Credentials("simulated", "secret")`.

        Raises:
            DeribitError: what `async with Client(…)` raises.
        """
        if isinstance(exchange, StagedExchange):
            options.setdefault("session", exchange.session)
        client = Client(exchange.url, **options)
        for handler in (_Ears(self.errors), *handlers):
            client.add_handler(handler)
        return await self._stage.enter(client)


class _Ears(Handler):
    def __init__(self, errors: list[Exception]) -> None:
        self._errors = errors

    def on_error(self, error: Exception) -> None:
        self._errors.append(error)
