"""The simulated exchange: its parts put together, started, moved, disturbed and stopped.

Knows: which parts there are. Must not know: how any of them works. Tests and the command
line make one; everything else in this folder is reached through it.
"""

import asyncio
import itertools
import ssl
import time
from collections.abc import Callable, Mapping
from random import Random
from types import MappingProxyType, TracebackType
from typing import Any, Self

from aiohttp import WSCloseCode, web

from deribit_ws.testing import http
from deribit_ws.testing.calls import Venue
from deribit_ws.testing.clock import Clock
from deribit_ws.testing.controls import Controls
from deribit_ws.testing.credits import DERIBIT_CREDITS, Credits, Holder, Pool
from deribit_ws.testing.door import SOCKET_PATH, Door
from deribit_ws.testing.engine import Engine
from deribit_ws.testing.faults import (
    AcceptThenClose,
    Deaf,
    Drop,
    Fault,
    HistoryLag,
    Maintenance,
    RefuseConnections,
    RefuseHandshake,
    Say,
    Silence,
    StallHandshake,
    Standing,
)
from deribit_ws.testing.hub import Hub
from deribit_ws.testing.instruments import listing
from deribit_ws.testing.ledger import Ledger
from deribit_ws.testing.logins import Account, Logins
from deribit_ws.testing.market import HISTORY, Market
from deribit_ws.testing.memory import MemoryNetwork
from deribit_ws.testing.own_events import OwnEvent
from deribit_ws.testing.positions import Positions
from deribit_ws.testing.proofs import Proofs
from deribit_ws.testing.service import Manner
from deribit_ws.testing.session import Session
from deribit_ws.testing.triggers import Triggers
from deribit_ws.testing.universe import Universe

ACCOUNTS: Mapping[str, str | Account] = MappingProxyType({"simulated": Account("secret", subaccounts=(11,))})
YEAR_OF_TOKENS = 31_536_000  # seconds: what the exchange's own samples show as expires_in
OUTPUT_LIMIT = 8 << 20  # bytes a client may leave unread before it is too slow
MOST_LAG = 1.0  # seconds the market may fall behind before it gives up catching up


class SimulatedExchange(Controls):
    """A Deribit that runs in this event loop, on loopback, and fails when told to.

    Use it as `async with SimulatedExchange() as exchange:`, and dial `exchange.url`.

    Args:
        seed: of all chance; the same seed, steps and time by `wall_clock` give the same market.
        host: the address to listen at.
        port: 0 takes any that is free.
        ssl_context: serve wss:// and https:// with it.
        listen: False opens no socket: it is reached through `memory()` alone.
        accounts: client ids, each with its secret, or with an `Account` that has a scope of its own.
        step_seconds: the market time of one step, so 100ms channels speak every 0.1 / `step_seconds` steps.
        autoplay: make a step every `step_seconds`; False leaves it to `step()`.
        wall_clock: gives seconds since the epoch.
        clock_offset: seconds the exchange's clock is ahead of `wall_clock`.
        heartbeat_scale: multiplies the times of heartbeats and of the idle cut.
        shuffle_answers: let answers of private and public methods overtake each other.
        output_limit: bytes a client may leave unread before it is dropped as too slow.
        token_seconds: how long tokens live whose scope does not say.
        private_outlives_token: let private channels go on when the login of their connection has ended;
            what the real exchange does is not known.
        credits: the pools that requests are charged to; None charges nothing.
        extra_options: how many more BTC options to list, quiet ones.
        history: trades of each instrument that get_last_trades can give.
        max_connections: beyond it an upgrade is refused with 429, as Deribit does beyond 32 of one address.

    Attributes:
        market, ledger, logins, credits: its parts; they can be read, and disturbed, at any time.
    """

    def __init__(
        self,
        *,
        seed: int = 0,
        host: str = "127.0.0.1",
        port: int = 0,
        ssl_context: ssl.SSLContext | None = None,
        listen: bool = True,
        accounts: Mapping[str, str | Account] = ACCOUNTS,
        step_seconds: float = 0.05,
        autoplay: bool = True,
        wall_clock: Callable[[], float] = time.time,
        clock_offset: float = 0.0,
        heartbeat_scale: float = 1.0,
        shuffle_answers: bool = False,
        output_limit: int = OUTPUT_LIMIT,
        token_seconds: int = YEAR_OF_TOKENS,
        private_outlives_token: bool = False,
        credits: Mapping[str, Pool] | None = DERIBIT_CREDITS,
        extra_options: int = 0,
        history: int = HISTORY,
        max_connections: int | None = None,
    ) -> None:
        self._clock = clock = Clock(wall_clock, clock_offset)
        instruments = listing(clock(), extra_options)
        self._step_seconds = step_seconds
        self._autoplay = autoplay
        self._secure = ssl_context is not None
        self._listens = listen
        self._manner = Manner(output_limit, heartbeat_scale, shuffle_answers, private_outlives_token)
        self._standing = Standing()
        self.market = Market(
            instruments, rng=Random(seed), wall_clock=clock, step_seconds=step_seconds, history=history
        )
        self.ledger = Ledger(self.market)
        self.logins = Logins(
            accounts, rng=Random(seed + 2), wall_clock=wall_clock, token_seconds=token_seconds
        )
        self.credits = Credits(credits, holder=self._holder)
        self._venue = self._made_venue(seed)
        self._triggers = Triggers(self.market, self._venue.engine)
        self._universe = Universe(self.market, self._venue.hub, self._venue.engine)
        self._max_connections = max_connections
        self._door = self._made_door(host, port, ssl_context)
        self._numbers = itertools.count(1)
        self._sessions: dict[int, Session] = {}
        self._player: asyncio.Task[None] | None = None
        self._running = False

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen, and let the market move."""
        if self._running:
            return
        await self._door.open()
        self._running = True
        if self._autoplay:
            self._player = asyncio.create_task(self._play(), name="simulated-exchange-market")

    async def stop(self) -> None:
        """Close every connection (1001) and the listening socket; leaves no task. May be repeated."""
        if not self._running:
            return
        self._running = False
        player, self._player = self._player, None
        if player:
            player.cancel()
            await asyncio.wait([player])
        for session in self._sessions.values():
            session.shut()
        await self._door.close()
        if player and not player.cancelled():
            player.result()  # a market that broke is a failed test, not a quiet one

    @property
    def url(self) -> str:
        """Where the websocket is."""
        return f"{'wss' if self._secure else 'ws'}://{self._door.host}:{self._door.port}{SOCKET_PATH}"

    @property
    def http_url(self) -> str:
        """Where the methods are over HTTP; "/{method}" follows."""
        return f"{'https' if self._secure else 'http'}://{self._door.host}:{self._door.port}/api/v2"

    @property
    def instruments(self) -> tuple[str, ...]:
        """The names of all instruments."""
        return tuple(self.market.lines)

    @property
    def connections(self) -> dict[int, Session]:
        """The live connections by number, the first ever being 1; each has `channels` and `login`."""
        return dict(self._sessions)

    def memory(self, **options: Any) -> MemoryNetwork:
        """A network in memory on which clients reach it; see `MemoryNetwork` for the options."""
        return MemoryNetwork(self._door.accept, **options)

    def publish(self, channel: str, data: Any) -> None:
        """Send data of your own on a channel to everybody subscribed: a lock, an order, an oddity."""
        self._venue.hub.announce(channel, data)

    def step(self, n: int = 1) -> None:
        """Move the market by hand, in one turn of the loop: what it says must fit `output_limit`."""
        for _ in range(n):
            self.market.step()
            self._triggers.stepped()
            self._universe.stepped()
            self._venue.hub.stepped()

    def inject(self, fault: Fault, connection: int | None = None) -> None:
        """Let a fault happen now, or stand until its moment comes.

        `connection` None: the faults of a moment (Drop, Say, Silence, Deaf) hit every live
        connection; all others concern the exchange as a whole, later connections included, and
        their `times` count once for all of them.

        Raises:
            ValueError: there is no such connection.
            TypeError: it is no fault of an exchange.
        """
        if not isinstance(fault, Fault):
            raise TypeError(f"{fault!r} is no fault of an exchange")
        match fault:
            case RefuseConnections(seconds=float() | int() as seconds):
                self._door.shut_for(seconds)
            case AcceptThenClose() | StallHandshake() | RefuseHandshake() | RefuseConnections():
                self._standing.arm(fault, fault.times)
            case HistoryLag():
                self._standing.arm(fault, fault.times)
            case Maintenance():
                self._maintain(fault)
            case _ if connection is not None:
                self._session(connection).inject(fault)
            case Drop() | Say() | Silence() | Deaf():
                for session in self._sessions.values():
                    session.inject(fault)
            case _:
                self._standing.arm(fault, getattr(fault, "times", 1))

    def clear_faults(self) -> None:
        """End all standing faults: of the exchange, and of every connection."""
        self._standing.clear()
        self._door.unbar()
        for session in self._sessions.values():
            session.clear_faults()

    def _tell(self, event: OwnEvent) -> None:
        self.ledger.keep(event)
        self._venue.hub.hear_own(event)

    def _holder(self, client_id: str | None) -> Holder:
        return self._door.host if client_id is None else self.logins.user(client_id)

    def _maintain(self, fault: Maintenance) -> None:
        self._door.refuse_for(fault.seconds)
        self._venue.hub.announce("platform_state", {"maintenance": True})
        for session in self._sessions.values():
            session.drop(Drop.close(WSCloseCode.GOING_AWAY))

    def _made_venue(self, seed: int) -> Venue:
        """What connections share; each generator its own, so that clients do not sway the market's."""
        market, standing, step = self.market, self._standing, self._step_seconds
        positions = Positions(market)
        return Venue(
            market=market,
            hub=Hub(market, positions, rng=Random(seed + 1), step_seconds=step, standing=standing),
            engine=Engine(market, positions, rng=Random(seed + 4), tell=self._tell),
            ledger=self.ledger,
            logins=self.logins,
            proofs=Proofs(self.logins.secret, market.now_ms),
            credits=self.credits,
            standing=standing,
            rng=Random(seed + 3),
            clock=self._clock,
        )

    def _made_door(self, host: str, port: int, ssl_context: ssl.SSLContext | None) -> Door:
        return Door(
            host=host,
            port=port,
            ssl_context=ssl_context,
            listens=self._listens,
            standing=self._standing,
            ledger=self.ledger,
            enter=self._enter,
            answer=self._answer,
            full=self._is_full,
        )

    def _is_full(self) -> bool:
        return self._max_connections is not None and len(self._sessions) >= self._max_connections

    def _enter(self, transport: asyncio.Transport) -> Session:
        number = next(self._numbers)
        session = Session(number, self._venue, transport, self._manner, lambda: self._sessions.pop(number))
        self._sessions[number] = session
        return session

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        return await http.answer(request, self._venue)

    async def _play(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            due = max(due + self._step_seconds, loop.time() - MOST_LAG)
            await asyncio.sleep(max(0.0, due - loop.time()))
            self.step()
