"""Traffic made beforehand: messages as Deribit writes them, in its key order, as websocket frames in a file.

Knows what a ticker, a book and a trade look like on the wire, and how a book's changes hang together. Must
not know who reads it. The command prepares one file for each kind of traffic; `sender` copies it to the
socket, and what each contender has counted is held against the sums kept beside it.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from random import Random

from benchmarks.books import Book
from benchmarks.frames import text_frame

CHUNK = 500  # messages the sender writes at once: some 190 kB, about what a socket's buffer takes
CHUNK_BYTES = 1 << 20  # at most, of large messages
TIME = 1_790_133_840_448  # ms since the epoch; of a recorded session
STAMP = 10**18  # added to a clock's ns, so that a stamp always has 19 digits and fits an int64
SEED = 6
PERPETUALS = ("BTC-PERPETUAL", "ETH-PERPETUAL", "SOL_USDC-PERPETUAL", "XRP_USDC-PERPETUAL")
PRICES = (86_775.5, 2_811.25, 128.45, 2.0415)
TICKS = (0.5, 0.05, 0.01, 0.0001)
WEIGHTS = {"ticker": 16, "book": 64, "trades": 20}  # in a hundred messages; 375 bytes each on average
FIRST_SEQ = 271_252_854


@dataclass(frozen=True, slots=True)
class Traffic:
    """What is sent.

    Attributes:
        kind: "mixed", "ticker", "book", "trades", "window" (whole books, for messages of any size), or
            "restore" (tickers, and one book at the end).
        messages: how many, a multiple of `chunk`.
        channels: over how many channels.
        levels: about how deep each side of a book is, or how many each side of a window has.
        interval: the last segment of the channels' names.
        stamped: leave 19 digits for the sender's clock in each `timestamp`.
    """

    kind: str
    messages: int
    channels: int = 10
    levels: int = 20
    interval: str = "100ms"
    stamped: bool = False

    def names(self) -> list[str]:
        """Give the channels."""
        return [f"{self._family(i)}.{self.instrument(i)}.{self._rest(i)}" for i in range(self.channels)]

    def instrument(self, channel: int) -> str:
        """Give the instrument of a channel; beyond the perpetuals they are options."""
        number = channel // 3 if self.kind == "mixed" else channel
        return PERPETUALS[number] if number < len(PERPETUALS) else f"BTC-27NOV26-{10_000 + 500 * number}-C"

    def _family(self, channel: int) -> str:
        if self.kind == "mixed":
            return ("ticker", "book", "trades")[channel % 3]
        if self.kind == "restore":
            return "book" if channel == self.channels - 1 else "ticker"
        return "book" if self.kind == "window" else self.kind

    def _rest(self, channel: int) -> str:
        return f"none.20.{self.interval}" if self.kind == "window" else self.interval

    @property
    def chunk(self) -> int:
        """How many messages are written at once."""
        return CHUNK if self.kind != "window" else max(1, min(CHUNK, CHUNK_BYTES // (44 * self.levels)))

    @property
    def file_name(self) -> str:
        """Give a name that says it all."""
        return "-".join(str(value) for value in asdict(self).values())


@dataclass(slots=True)
class Sums:
    """What the callbacks of a contender must have seen."""

    trades: int = 0
    levels: int = 0
    bytes: int = 0  # of the data, without the envelope

    def add(self, name: str, data: str) -> None:
        """Count a message in."""
        self.bytes += len(data)
        if name.startswith("trades"):
            self.trades += data.count('"trade_seq"')
        elif name.startswith("book"):
            self.levels += data.count("[") - 2


@dataclass(frozen=True, slots=True)
class Prepared:
    """A file of frames, and what is known of it."""

    path: Path
    traffic: Traffic
    ends: list[int]  # where each chunk ends, in bytes
    sums: list[list[int]]  # trades, levels and bytes up to there
    change_ids: dict[str, int]  # the last of each book
    tops: dict[str, list[float]]  # best bid and ask of each book, when all was sent

    @property
    def message_bytes(self) -> float:
        """Bytes a message, with its frame, on average."""
        return self.ends[-1] / self.traffic.messages

    @classmethod
    def load(cls, path: str | Path) -> "Prepared":
        """Read what `prepare` has left."""
        kept = json.loads(Path(f"{path}.json").read_text())
        kept["traffic"] = Traffic(**kept["traffic"])
        return cls(Path(path), **kept)


def prepare(traffic: Traffic, folder: Path) -> Prepared:
    """Write the frames of `traffic`, unless they are there already; of less of the same, a part is taken."""
    path = folder / traffic.file_name
    if not Path(f"{path}.json").exists():
        _write(traffic, path)
    return Prepared.load(path)


def _write(traffic: Traffic, path: Path) -> None:
    market = _Market(traffic)
    sums, ends, all_sums = Sums(), [], []
    at = 0
    with path.open("wb") as file:
        for number, (name, data) in enumerate(market.messages(), 1):
            at += file.write(text_frame(_notification(name, data)))
            sums.add(name, data)
            if number % traffic.chunk == 0:
                ends.append(at)
                all_sums.append([sums.trades, sums.levels, sums.bytes])
    kept = {
        "traffic": asdict(replace(traffic, messages=number)),
        "ends": ends,
        "sums": all_sums,
        "change_ids": {name: book.change_id for name, book in market.books.items()},
        "tops": {name: book.tops() for name, book in market.books.items()},
    }
    Path(f"{path}.json").write_text(json.dumps(kept))


def _notification(name: str, data: str) -> bytes:
    head = '{"jsonrpc":"2.0","method":"subscription","params":{"channel":"'
    return f'{head}{name}","data":{data}}}}}'.encode()


class _Market:
    """The state from which messages are made."""

    def __init__(self, traffic: Traffic) -> None:
        self._traffic = traffic
        self._rng = Random(SEED)
        self._names = traffic.names()
        self._seq = dict.fromkeys(range(traffic.channels), FIRST_SEQ)
        self._books = {
            number: self._new_book(number)
            for number, name in enumerate(self._names)
            if name.startswith("book")
        }

    def _new_book(self, channel: int) -> Book:
        number = channel // 3 if self._traffic.kind == "mixed" else channel
        price, tick = PRICES[number % len(PRICES)], TICKS[number % len(TICKS)]
        levels = self._traffic.levels
        while tick * 2 * levels > price / 2:  # deep books of cheap things have finer prices
            tick = round(tick / 10, 10)
        return Book(self._traffic.instrument(channel), price, tick, levels, self._rng)

    @property
    def books(self) -> dict[str, Book]:
        return {self._names[number]: book for number, book in self._books.items()}

    def messages(self) -> Iterator[tuple[str, str]]:
        """Make them: first each book's snapshot, then all of it mixed; each channel has some."""
        time = STAMP if self._traffic.stamped else TIME
        firsts = list(range(self._traffic.channels))
        for number in range(self._traffic.messages):
            channel = firsts[number] if number < len(firsts) else self._channel(number)
            if not self._traffic.stamped:
                time += number % 2
            yield self._names[channel], self._data(channel, time)

    def _channel(self, number: int) -> int:
        if self._traffic.kind != "mixed":
            return number % self._traffic.channels
        family = self._rng.choices((0, 1, 2), tuple(WEIGHTS.values()))[0]
        return self._rng.randrange((self._traffic.channels - family + 2) // 3) * 3 + family

    def _data(self, channel: int, time: int) -> str:
        if self._traffic.kind == "window":
            return self._books[channel].window(time)
        match self._names[channel].partition(".")[0]:
            case "book":
                return self._books[channel].message(time)
            case "trades":
                return self._trades(channel, time)
            case _:
                return self._ticker(channel, time)

    def _price(self, channel: int) -> float:
        number = channel // 3 if self._traffic.kind == "mixed" else channel
        return PRICES[number % len(PRICES)]

    def _trades(self, channel: int, time: int) -> str:
        count = self._rng.choice((1, 1, 1, 2))
        return f"[{','.join(self._trade(channel, time) for _ in range(count))}]"

    def _trade(self, channel: int, time: int) -> str:
        seq, price = self._seq[channel], self._price(channel)
        self._seq[channel] += 1
        steps = self._rng.randrange(20)
        return (
            f'{{"timestamp":{time},"price":{price + steps},"amount":{10.0 * (steps + 1)},'
            f'"direction":"{"buy" if steps % 2 else "sell"}","index_price":{price + 2.75},'
            f'"instrument_name":"{self._traffic.instrument(channel)}","trade_seq":{seq},'
            f'"mark_price":{price + 1.61},"tick_direction":{steps % 4},"contracts":{float(steps + 1)},'
            f'"trade_id":"{403_000_000 + seq}"}}'
        )

    def _ticker(self, channel: int, time: int) -> str:
        price, steps = self._price(channel), self._rng.randrange(20)
        return (
            f'{{"timestamp":{time},"state":"open","stats":{{"high":{price * 1.02:.4f},'
            f'"low":{price * 0.98:.4f},"price_change":-0.4521,"volume":{4821.72 + steps},'
            f'"volume_usd":423215510.0,'
            f'"volume_notional":423215510.0}},"index_price":{price + 2.75},'
            f'"instrument_name":"{self._traffic.instrument(channel)}","last_price":{price + steps},'
            f'"settlement_price":{price * 1.001:.4f},"min_price":{price * 0.985:.4f},'
            f'"max_price":{price * 1.015:.4f},"open_interest":{1_103_447_330 + steps},'
            f'"mark_price":{price + steps / 4},"interest_value":0.00182,"best_ask_price":{price + 0.5},'
            f'"best_bid_price":{price},"estimated_delivery_price":{price + 2.75},'
            f'"best_ask_amount":{31_990.0 + steps},"best_bid_amount":{120_010.0 + steps},'
            f'"current_funding":0.0,"funding_8h":0.00001842}}'
        )
