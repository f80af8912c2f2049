"""The naive client, as a control: the generator this project grew from, and a body as everybody writes it.

A subject like `subject.Ours`. It dials, logs in, subscribes, keeps books in dicts and trades in lists, and
on any exception goes round again after a fixed wait, which is awaited here, as otherwise it would never let
the loop go. It has marks and answers of its own, so that it fails the rows for what it does, not for want of
a face. Nobody should use it.
"""

import asyncio
import itertools
import json
from collections.abc import AsyncGenerator
from typing import Any

import aiohttp

from deribit_ws import Connected, Disconnected
from deribit_ws.testing import SimulatedExchange
from tests.faults.observed import Flow, Looks, Observed, Turn
from tests.faults.subject import (
    AMOUNT,
    BOOKS,
    BTC,
    CALL_APART,
    CALL_SECONDS,
    CHANNELS,
    FLOWS,
    KEY,
    ORDER_APART,
    OWN,
    TICKER,
    covers,
)
from tests.websockets.naive import DELAY, Socket

Message = dict[str, Any]


class Naive:
    """A client as everybody writes it first; of the options it heeds `session` alone."""

    def __init__(
        self, exchange: SimulatedExchange, url: str, *, session: aiohttp.ClientSession | None = None, **_: Any
    ) -> None:
        self.observed = Observed()
        self.exchange = exchange
        self._url = url
        self._session = session
        self._ws: Socket | None = None
        self._ids = itertools.count(1)
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._books: dict[str, tuple[dict[float, float], dict[float, float]]] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._ready = asyncio.Event()
        self._is_resting = False

    @property
    def is_up(self) -> bool:
        """As `Subject`."""
        return self._ready.is_set()

    @property
    def is_sound(self) -> bool:
        """As `Subject`: it believes so whenever it is connected."""
        return self.is_up

    async def start(self) -> None:
        """As `Subject`."""
        for _, channel in FLOWS:
            entered = {
                name: self.exchange.market[name].next_trade_seq - 1 for name in self.exchange.instruments
            }
            is_about = _about(channel)
            self.observed.flows.append(Flow(None, is_about, channel=channel, entered=entered))
        for name in BOOKS:
            self.observed.looks[name] = Looks(self.exchange, name)
        user = self.exchange.logins.user(KEY.client_id)
        self.observed.owned.entered_fills = len(self.exchange.ledger.user_trades[user])
        self._tasks = [asyncio.create_task(work) for work in (self._run(), self._ask(), self._trade())]
        await self._ready.wait()

    async def stop(self) -> None:
        """As `Subject`."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def rest(self) -> None:
        """As `Subject`."""
        self._is_resting = True

    # --- the generator and its body

    async def _generator(self) -> AsyncGenerator[Socket, None]:
        while True:
            session = self._session or aiohttp.ClientSession()
            try:
                async with session.ws_connect(self._url) as ws:
                    yield ws
            except Exception:
                await asyncio.sleep(DELAY)
                continue
            finally:
                if session is not self._session:
                    await session.close()

    async def _run(self) -> None:
        async for ws in self._generator():
            self._ws = ws
            begin = asyncio.create_task(self._begin())
            try:
                async for message in ws:
                    self._hear(json.loads(message.data))
            except Exception:  # the drop, or whatever else it was
                continue
            finally:
                begin.cancel()
                self._lost()

    async def _begin(self) -> None:
        await self._call("public/set_heartbeat", interval=10)
        await self._call(
            "public/auth",
            grant_type="client_credentials",
            client_id=KEY.client_id,
            client_secret=KEY.client_secret,
        )
        await self._call("private/subscribe", channels=list(OWN))
        await self._call("public/subscribe", channels=sorted(CHANNELS - set(OWN)))
        self._ready.set()
        turn = Turn(_now(), up=True)
        self.observed.turned(turn)
        self.observed.told.append(_mark(turn))

    def _lost(self) -> None:
        if self._ready.is_set():
            turn = Turn(_now(), up=False)
            self.observed.turned(turn)
            self.observed.told.append(_mark(turn))
        self._ready.clear()

    # --- what comes

    def _hear(self, message: Message) -> None:
        if message.get("method") == "subscription":
            self._notified(message["params"]["channel"], message["params"]["data"])
        elif message.get("method") == "heartbeat":
            if message["params"]["type"] == "test_request":
                self._tasks.append(asyncio.create_task(self._call("public/test")))
        elif "error" in message:
            self._answers[message["id"]].set_exception(RuntimeError(message["error"]["message"]))
        else:
            self._answers[message["id"]].set_result(message["result"])

    def _notified(self, channel: str, data: Any) -> None:
        if channel == TICKER:
            self.observed.heard(_now())
            self.observed.counts["stream"] += 1
        elif channel.startswith("book."):
            self._book(data)
        elif channel.startswith("trades."):
            flow = next(flow for flow in self.observed.flows if flow.channel == channel)
            for trade in data:
                flow.seqs[trade["instrument_name"]].append(trade["trade_seq"])
        elif channel.startswith("user.trades"):
            self.observed.owned.fills += data
        elif channel.startswith("user.orders"):
            self.observed.owned.states[data["order_id"]] = data

    def _book(self, data: Message) -> None:
        name = data["instrument_name"]
        if data["type"] == "snapshot":
            self._books[name] = {}, {}
        sides = self._books[name]
        for side, changes in zip(sides, (data["bids"], data["asks"]), strict=True):
            for action, price, amount in changes:
                if action == "delete":
                    side.pop(price, None)
                else:
                    side[price] = amount
        bids, asks = sorted(sides[0].items(), reverse=True), sorted(sides[1].items())
        self.observed.looks[name].look(valid=True, change_id=data["change_id"], bids=bids, asks=asks)

    # --- what is asked

    async def _call(self, method: str, **params: Any) -> Any:
        number = next(self._ids)
        self._answers[number] = answer = asyncio.get_running_loop().create_future()
        request = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
        assert self._ws is not None
        await self._ws.send_str(json.dumps(request))
        return await asyncio.wait_for(answer, CALL_SECONDS)

    async def _ask(self) -> None:
        calls = self.observed.calls
        for name in itertools.cycle(BOOKS):
            await asyncio.sleep(CALL_APART)
            if self._is_resting or not self.is_up:
                continue
            calls.begun += 1
            try:
                ticker = await self._call("public/ticker", instrument_name=name)
                calls.ended["result"] += 1
                if ticker["instrument_name"] != name:
                    calls.twice.append(name)
            except Exception as error:
                calls.ended[type(error).__name__] += 1

    async def _trade(self) -> None:
        """Buy; where it fails, for whatever reason, try the same again."""
        for label in map(str, itertools.count()):
            while True:
                await asyncio.sleep(ORDER_APART)
                if self._is_resting or not self.is_up:
                    continue
                try:
                    terms = {"instrument_name": BTC, "amount": AMOUNT, "type": "market", "label": label}
                    result = await self._call("private/buy", **terms)
                except Exception:
                    continue
                self.observed.owned.placed[label] = result["order"]["order_id"]
                break


def _about(channel: str) -> Any:
    return lambda name: covers(channel, name)


def _mark(turn: Turn) -> Any:
    return Connected() if turn.up else Disconnected(1006, "", 0.0)


def _now() -> float:
    return asyncio.get_running_loop().time()
