"""What happens to a user, as a value.

Knows: the parts of one such event. Must not know: who makes it or who is told. `engine` makes one
for each new version of an order; `hub`, `ledger` and `order_store` take it.
"""

from dataclasses import dataclass
from typing import Any

from deribit_ws.testing.instruments import Instrument

Payload = dict[str, Any]


@dataclass(frozen=True, slots=True)
class OwnEvent:
    """A user's order has a new version, because of `trades` or of something else.

    `order`, `trades` and `position` are as the wire shows them; `position` is None where no trade
    changed it.
    """

    user_id: int
    instrument: Instrument
    order: Payload
    trades: tuple[Payload, ...] = ()
    position: Payload | None = None
