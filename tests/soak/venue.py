"""The far end of the drops: a simulated exchange in a process of its own, cut and questioned over a pipe.

Knows the exchange, its faults and its ledger. Must not know the client. `drops` starts it as
`python -m tests.soak.venue`, tells it when to cut, and has it judge what the client showed.
"""

import argparse
import asyncio
import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable
from contextlib import suppress
from random import Random
from typing import Any

from deribit_ws.testing import (
    AcceptThenClose,
    Drop,
    DropOnRequest,
    RefuseConnections,
    RefuseHandshake,
    SimulatedExchange,
)
from deribit_ws.testing.faults import Fault
from deribit_ws.testing.ledger import Outcome
from tests.soak.pipe import answer_lines

HISTORY = 1_000_000  # trades of each instrument that can be asked for: none is ever rightly lost
STEP_SECONDS = 0.05
EXTRA = 8  # trades by hand at most in each step: the crowd alone makes a few a second
CODES = (1000, 1001, 1011, 1012, 1013, 4000)
ALIVE = ("open", "untriggered")
# What a link is rebuilt with, in order, and then what is read on it: a drop at one of these is a drop during
# restore or recovery.
RESTORING = (
    "public/set_heartbeat",
    "public/auth",
    "private/enable_cancel_on_disconnect",
    "private/subscribe",
    "public/subscribe",
)
RECOVERING = (
    "public/get_time",
    "private/get_open_orders_by_currency",
    "private/get_positions",
    "public/get_last_trades_by_instrument",
    "public/get_last_trades_by_currency",
)


class Venue:
    """The exchange, and what is asked of it."""

    def __init__(self, exchange: SimulatedExchange, seed: int) -> None:
        self.exchange = exchange
        self.rng = Random(seed)
        self.kinds: Counter[str] = Counter()
        self.is_still = False

    async def answer(self, asked: dict[str, Any]) -> Any:
        """Do what a line asks for."""
        do = asked.pop("do")
        assert do in ("cut", "state", "book", "still", "account"), do
        return getattr(self, do)(**asked)

    # --- drops

    def cut(self, during_restore: bool) -> dict[str, Any]:
        """Cut every link, somehow; then the next one, too, while it is rebuilt, if so asked."""
        if during_restore:
            self._arm(self._soon())
        self._arm(self._now())
        return self.state()

    def _arm(self, fault: Fault) -> None:
        self.kinds[_named(fault)] += 1
        self.exchange.inject(fault)

    def _now(self) -> Fault:
        return self.rng.choice(
            [Drop.rst(), Drop.fin(), Drop.fin(inside_frame=True), Drop.close(self.rng.choice(CODES))]
        )

    def _soon(self) -> Fault:
        rng = self.rng
        drop = rng.choice([Drop.rst(), Drop.fin()])
        faults: list[Fault] = [
            AcceptThenClose(rng.choice(CODES)),
            AcceptThenClose(drop),
            RefuseConnections(),
            RefuseHandshake(503),
            *(
                DropOnRequest(rng.choice(methods), drop, before_reply=rng.random() < 0.5)
                for methods in (RESTORING, RESTORING, RESTORING, RECOVERING)
            ),
        ]
        return rng.choice(faults)

    # --- what is known here

    def state(self) -> dict[str, Any]:
        """How often the client came, and how often it was sent away."""
        ledger = self.exchange.ledger
        outcomes = Counter(one.outcome for one in ledger.handshakes)
        dials = len(ledger.handshakes)
        return {
            "dials": dials,
            "links": outcomes[Outcome.ACCEPTED],
            "cuts": len(ledger.drops) + dials - outcomes[Outcome.ACCEPTED],
            "most_dials_in_a_second": _most_within(1.0, [one.time for one in ledger.handshakes]),
            "refusals": dict(Counter(f"{one.code} {one.method}" for one in ledger.refusals)),
            "kinds": dict(self.kinds),
        }

    def book(self, instrument: str, change_id: int, digest: str) -> bool | None:
        """Tell whether a book is what it was at its change_id; None where that is too long ago."""
        real = self.exchange.ledger.book_at(instrument, change_id)
        return None if real is None else book_digest(*real) == digest

    def still(self) -> None:
        """Let no more go wrong, one more trade be made on each instrument, and all trading stop."""
        self.exchange.clear_faults()
        for name in () if self.is_still else self.exchange.instruments:
            self._trade(name)
            self.exchange.set_state(name, "locked")
        self.is_still = True

    def account(self) -> dict[str, Any]:
        """What the client should have by now: last trade_seqs, books, fills, orders, positions."""
        user, ledger = self.exchange.logins.user("simulated"), self.exchange.ledger
        lines = {name: self.exchange.market[name] for name in self.exchange.instruments}
        sizes: defaultdict[str, float] = defaultdict(float)
        for fill in ledger.user_trades[user]:
            sizes[fill["instrument_name"]] += fill["amount"] * (1 if fill["direction"] == "buy" else -1)
        labels = Counter(
            one.params.get("label")
            for side in ("buy", "sell")
            for one in ledger.requests_of(f"private/{side}")
        )
        return {
            "made": {name: line.next_trade_seq - 1 for name, line in lines.items()},
            "settlement": {name: line.instrument.settlement for name, line in lines.items()},
            "books": {name: self._digest_now(name) for name in lines},
            "fills": digest_of(fill["trade_id"] for fill in ledger.user_trades[user]),
            "open": sorted(
                order_id
                for order_id, one in ledger.last_versions(user).items()
                if one["order_state"] in ALIVE
            ),
            "sizes": {name: round(size, 6) for name, size in sizes.items() if round(size, 6)},
            "sent_twice": [label for label, times in labels.items() if times > 1],
        }

    def _digest_now(self, name: str) -> str:
        # Not the change_id: a change that was taken back within 0.1 s is told to nobody.
        real = self.exchange.ledger.book_at(name, self.exchange.market[name].change_id)
        assert real is not None, "the present is always known"
        return book_digest(*real)

    # --- the market

    async def play(self) -> None:
        """Make trades beside the crowd's, until all trading stops."""
        names = self.exchange.instruments
        while True:
            await asyncio.sleep(STEP_SECONDS)
            if not self.is_still:
                for name in self.rng.choices(names, k=self.rng.randint(0, EXTRA)):
                    self._trade(name)

    def _trade(self, name: str) -> None:
        line = self.exchange.market[name]
        amount = line.instrument.min_trade_amount * self.rng.randint(1, 3)
        price = line.instrument.price(max(1, line.instrument.ticks(line.mark_price)))
        self.exchange.market.place(name, "sell", price=price, amount=amount)
        self.exchange.market.take(name, "buy", amount=amount)


def book_digest(bids: Iterable[tuple[float, float]], asks: Iterable[tuple[float, float]]) -> str:
    """Give the same few characters for the same levels."""
    levels = repr([[tuple(level) for level in side] for side in (bids, asks)])
    return hashlib.blake2b(levels.encode(), digest_size=8).hexdigest()


def digest_of(trade_ids: Iterable[str]) -> list[int]:
    """Give the count of ids and a sum that the same ids in any order have, and (but for chance) no others."""
    count = total = 0
    for trade_id in trade_ids:
        count += 1
        total += number_of(trade_id)
    return [count, total % 2**64]


def number_of(trade_id: str) -> int:
    """Give a number for an id."""
    return int.from_bytes(hashlib.blake2b(trade_id.encode(), digest_size=8).digest())


def _named(fault: Fault) -> str:
    match fault:
        case Drop(how, code):
            return f"{how.value}" if code is None else f"close {code}"
        case DropOnRequest(method, _, _, before_reply):
            return f"{'at' if before_reply else 'after'} {method}"
        case _:
            return type(fault).__name__


def _most_within(seconds: float, times: list[float]) -> int:
    most = first = 0
    for last, time in enumerate(times):
        while times[first] < time - seconds:
            first += 1
        most = max(most, last - first + 1)
    return most


async def serve(seed: int, charges: bool) -> None:
    """Run the exchange until the pipe is closed."""
    options: dict[str, Any] = {} if charges else {"credits": None}
    exchange = SimulatedExchange(seed=seed, step_seconds=STEP_SECONDS, history=HISTORY, **options)
    async with exchange:
        venue = Venue(exchange, seed)
        playing = asyncio.create_task(venue.play())
        try:
            await answer_lines({"url": exchange.url}, venue.answer)
        finally:
            playing.cancel()
            with suppress(asyncio.CancelledError):
                await playing


def main() -> None:
    """Be the far end."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--free", action="store_true", help="charge no credits")
    given = parser.parse_args()
    asyncio.run(serve(given.seed, not given.free))


if __name__ == "__main__":
    main()
