"""What is listed on the simulated exchange: names, tick sizes, units, expiries.

Knows: how Deribit names and sizes inverse perpetuals, dated futures, options and linear (USDC)
perpetuals. Must not know: prices, books, connections. `exchange` asks for a listing once, at the
clock it was given, `universe` for more by name; `market`, `crowd` and `payloads` read them. Source:
public/get_instruments and the instrument naming page of docs.deribit.com.
"""

import calendar
import math
import time
from dataclasses import dataclass, replace
from typing import Literal, get_args

Kind = Literal["future", "option"]
OptionType = Literal["call", "put"]

MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
DAY = 86_400
EXPIRY_HOUR = 8  # every expiry and settlement is at 08:00 UTC
OPENED_MS = 1_534_167_754_000  # creation_timestamp of everything that was there from the beginning
NEVER_MS = 32_503_708_800_000  # the expiration Deribit gives a perpetual: the year 3000
FRIDAY = 4  # as time.gmtime counts weekdays
START_PRICES = {"BTC": 90_000.0, "ETH": 3_000.0}  # fixed, so that strikes depend on the clock alone


@dataclass(frozen=True, slots=True)
class Instrument:
    """One listed instrument.

    Prices are in `quote` (an option's in its coin), amounts in `amount_unit`; the book counts both
    in whole steps: `tick_size` and `min_trade_amount`.
    """

    name: str
    kind: Kind
    base: str
    quote: str
    settlement: str
    price_index: str
    tick_size: float
    min_trade_amount: float
    contract_size: float
    instrument_id: int
    creation_timestamp: int = OPENED_MS
    expiration_timestamp: int = NEVER_MS
    option_type: OptionType | None = None
    strike: float | None = None
    activity: float = 1.0  # mean number of orders per market step
    typical_lots: int = 100  # median order size, in min_trade_amount
    sides: tuple[Literal["bids", "asks"], ...] = ("bids", "asks")  # which sides are ever quoted

    @property
    def linear(self) -> bool:
        """Whether it settles in the quote currency (USDC) rather than in the coin."""
        return self.settlement == self.quote and self.kind == "future"

    @property
    def perpetual(self) -> bool:
        """Whether it never expires."""
        return self.expiration_timestamp == NEVER_MS

    def price(self, ticks: int) -> float:
        """The price of a level, in `quote`."""
        return round(ticks * self.tick_size, 8)

    def amount(self, lots: int) -> float:
        """An amount in USD (inverse) or coin (linear, option)."""
        return round(lots * self.min_trade_amount, 8)

    def ticks(self, price: float) -> int:
        """The nearest level to a price; never below one tick."""
        return max(1, round(price / self.tick_size))


def expiry_after(now: float, fridays: int) -> int:
    """The n-th Friday 08:00 UTC at least one day after `now`, both in seconds since the epoch."""
    earliest = now + DAY
    midnight = math.floor(earliest / DAY) * DAY
    days_ahead = (FRIDAY - time.gmtime(midnight).tm_wday) % 7
    first = midnight + days_ahead * DAY + EXPIRY_HOUR * 3600
    if first < earliest:
        first += 7 * DAY
    return int(first + (fridays - 1) * 7 * DAY)


def expiry_name(expiry: int) -> str:
    """The date as it stands in an instrument's name: 27NOV26, without a leading zero."""
    date = time.gmtime(expiry)
    return f"{date.tm_mday}{MONTHS[date.tm_mon - 1]}{date.tm_year % 100:02d}"


BTC_PERPETUAL = Instrument(
    name="BTC-PERPETUAL",
    kind="future",
    base="BTC",
    quote="USD",
    settlement="BTC",
    price_index="btc_usd",
    tick_size=0.5,
    min_trade_amount=10.0,
    contract_size=10.0,
    instrument_id=124_972,
    activity=3.0,
    typical_lots=200,
)
ETH_PERPETUAL = replace(
    BTC_PERPETUAL,
    name="ETH-PERPETUAL",
    base="ETH",
    settlement="ETH",
    price_index="eth_usd",
    tick_size=0.05,
    min_trade_amount=1.0,
    contract_size=1.0,
    instrument_id=124_973,
    activity=2.0,
    typical_lots=1_500,
)
BTC_USDC_PERPETUAL = replace(
    BTC_PERPETUAL,
    name="BTC_USDC-PERPETUAL",
    quote="USDC",
    settlement="USDC",
    price_index="btc_usdc",
    tick_size=0.1,
    min_trade_amount=0.0001,
    contract_size=0.0001,
    instrument_id=124_974,
    activity=2.0,
    typical_lots=800,
)
ETH_USDC_PERPETUAL = replace(
    BTC_USDC_PERPETUAL,
    name="ETH_USDC-PERPETUAL",
    base="ETH",
    price_index="eth_usdc",
    tick_size=0.01,
    min_trade_amount=0.001,
    contract_size=0.001,
    instrument_id=124_975,
    activity=1.0,
)


def future(perpetual: Instrument, expiry: int, number: int) -> Instrument:
    """The dated inverse future beside a perpetual, with the coarser tick such futures have."""
    return replace(
        perpetual,
        name=f"{perpetual.base}-{expiry_name(expiry)}",
        tick_size=perpetual.tick_size * 5,
        expiration_timestamp=expiry * 1000,
        instrument_id=number,
        activity=0.5,
    )


def option(perpetual: Instrument, expiry: int, strike: float, side: OptionType, number: int) -> Instrument:
    """An inverse option: priced in the coin, counted in the coin, one contract one coin."""
    if side not in get_args(OptionType):
        raise ValueError(f"side {side!r}: one of {', '.join(get_args(OptionType))}")
    return replace(
        perpetual,
        name=f"{perpetual.base}-{expiry_name(expiry)}-{strike:.0f}-{side[0].upper()}",
        kind="option",
        quote=perpetual.base,
        tick_size=0.0001,
        min_trade_amount=0.1 if perpetual.base == "BTC" else 1.0,
        contract_size=1.0,
        instrument_id=number,
        expiration_timestamp=expiry * 1000,
        option_type=side,
        strike=strike,
        activity=0.4,
        typical_lots=30,
    )


def inverse(coin: str) -> Instrument:
    """The inverse perpetual of a coin, beside which its futures and options are; else ValueError."""
    for perpetual in (BTC_PERPETUAL, ETH_PERPETUAL):
        if perpetual.base == coin:
            return perpetual
    raise ValueError(f"coin {coin!r}: only BTC and ETH have inverse instruments here")


def named(name: str, number: int, now: float) -> Instrument:
    """The inverse option or dated future of a name, listed at `now`; raises ValueError for any other."""
    coin, _, tail = name.partition("-")
    date, *rest = tail.split("-")
    perpetual, expiry = inverse(coin), expiry_named(date)
    match rest:
        case []:
            made = future(perpetual, expiry, number)
        case [strike, "C"]:
            made = option(perpetual, expiry, float(strike), "call", number)
        case [strike, "P"]:
            made = option(perpetual, expiry, float(strike), "put", number)
        case _:
            raise ValueError(f"{name}: neither a dated future nor an option")
    return replace(made, creation_timestamp=int(now * 1000))


def expiry_named(date: str) -> int:
    """The expiry that a date as in a name stands for, in seconds since the epoch."""
    day, month, year = date[:-5], date[-5:-2], date[-2:]
    if month not in MONTHS or not (day.isdecimal() and year.isdecimal()):
        raise ValueError(f"{date}: no such date")
    return calendar.timegm((2000 + int(year), MONTHS.index(month) + 1, int(day), EXPIRY_HOUR, 0, 0))


def listing(now: float, extra_options: int = 0) -> tuple[Instrument, ...]:
    """The instruments open at `now` (seconds since the epoch).

    Ten, two of them quiet on purpose: a call that is only ever offered and never trades, and a put
    nobody has quoted yet. `extra_options` adds further BTC options of little activity, for tests
    that need hundreds of books.
    """
    near, far = expiry_after(now, 1), expiry_after(now, 5)
    at_btc, at_eth = START_PRICES["BTC"], START_PRICES["ETH"]
    offered = option(BTC_PERPETUAL, far, at_btc * 2, "call", 250_004)
    dormant = option(BTC_PERPETUAL, far, at_btc / 2, "put", 250_005)
    chain = (
        option(BTC_PERPETUAL, far, at_btc + 100 * (n // 2 + 1), ("call", "put")[n % 2], 260_000 + n)
        for n in range(extra_options)
    )
    return (
        BTC_PERPETUAL,
        ETH_PERPETUAL,
        BTC_USDC_PERPETUAL,
        ETH_USDC_PERPETUAL,
        future(BTC_PERPETUAL, far, 240_001),
        option(BTC_PERPETUAL, near, at_btc, "call", 250_001),
        option(BTC_PERPETUAL, near, at_btc, "put", 250_002),
        option(ETH_PERPETUAL, near, at_eth, "call", 250_003),
        replace(offered, sides=("asks",), activity=0.05),
        replace(dormant, sides=(), activity=0.0),
        *(replace(extra, activity=0.05) for extra in chain),
    )
