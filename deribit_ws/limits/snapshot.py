"""What a client may send at one moment, as values to look at.

Knows: nothing. Must not know: how any of it is reckoned. `limits` makes them, users read them as
`client.limits`. Source of the figures: docs.deribit.com, rate limits.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PoolSnapshot:
    """One budget of the exchange as reckoned here, in requests (`maximum_quotes`: in quotes).

    `rate`, a second, and `burst` are the exchange's. `left` may be sent now, and of that ordinary calls
    leave `reserved` to heartbeats, logins and cancels; full, it is a little below `burst`, for what is
    under way. Below zero it is what has to be refilled first.
    """

    rate: float
    burst: float
    left: float
    reserved: float


@dataclass(frozen=True, slots=True)
class LimitsSnapshot:
    """What a client may send at one moment.

    Args:
        pools: by name, as in the account's limits: "non_matching_engine", "trading", "spot", …
        in_flight: matching-engine requests without an answer, by currency; "*" those about any.
        waiting: requests that wait for their turn.
        paused: seconds until ordinary requests go again, 0 when nothing is paused.
    """

    pools: Mapping[str, PoolSnapshot]
    in_flight: Mapping[str, int]
    waiting: int
    paused: float
