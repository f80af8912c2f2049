"""Black-76: what a European option on a forward is worth, and how that moves.

Knows: arithmetic. Must not know: instruments, books, clocks. `market` prices options with it and
`payloads` prints the greeks. Prices are in the forward's currency (USD), undiscounted; Deribit
quotes them divided by the forward, in the coin.
"""

import math
from dataclasses import dataclass
from typing import Literal

YEAR = 365 * 86_400  # seconds; Deribit counts calendar time
SHORTEST = 60 / YEAR  # an option that lives less than a minute is priced as if it had one


@dataclass(frozen=True, slots=True)
class Valuation:
    """A price in USD and its sensitivities in Deribit's units.

    delta per 1 of the forward, gamma per 1 USD, vega per percentage point of volatility, theta per
    day, rho per percentage point of interest.
    """

    price: float
    delta: float
    gamma: float
    vega: float
    theta: float
    rho: float


def _density(x: float) -> float:
    return math.exp(-x * x / 2) / math.sqrt(2 * math.pi)


def _cumulative(x: float) -> float:
    return (1 + math.erf(x / math.sqrt(2))) / 2


def value(
    side: Literal["call", "put"], *, forward: float, strike: float, years: float, volatility: float
) -> Valuation:
    """Price an option; `volatility` is a fraction a year (0.5 = 50 %), `years` to expiry."""
    years = max(years, SHORTEST)
    spread = volatility * math.sqrt(years)
    d1 = math.log(forward / strike) / spread + spread / 2
    d2 = d1 - spread
    sign = 1 if side == "call" else -1
    price = sign * (forward * _cumulative(sign * d1) - strike * _cumulative(sign * d2))
    return Valuation(
        price=max(price, 0.0),
        delta=sign * _cumulative(sign * d1),
        gamma=_density(d1) / (forward * spread),
        vega=forward * _density(d1) * math.sqrt(years) / 100,
        theta=-forward * _density(d1) * volatility / (2 * math.sqrt(years)) / 365,
        rho=-years * max(price, 0.0) / 100,
    )
