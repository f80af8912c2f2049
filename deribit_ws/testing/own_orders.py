"""One user's order as it stands, and each of its versions as the wire shows them.

Knows: states, fills, the fields of an order. Must not know: books, queues, how orders are matched,
who is told. `engine` changes orders; `order_store` finds them; what `shown` gives is never changed.
Source: trading pages of docs.deribit.com, and recorded answers.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from deribit_ws.testing.book import Direction
from deribit_ws.testing.instruments import Instrument
from deribit_ws.testing.level_queue import Resting
from deribit_ws.testing.terms import GTC, LIMIT, MARKET, MARKET_LIMIT, Terms

MARKET_PRICE = "market_price"  # what stands for the price of a trigger order that will be a market order


class State(StrEnum):
    """Where an order is in its life."""

    OPEN = "open"
    FILLED = "filled"
    CANCELLED = "cancelled"
    UNTRIGGERED = "untriggered"
    TRIGGERED = "triggered"


ALIVE = (State.OPEN, State.UNTRIGGERED)


class Reason(StrEnum):
    """Why an order was cancelled, as far as the documentation has a word for it."""

    USER_REQUEST = "user_request"
    CANCEL_ON_DISCONNECT = "cancel_on_disconnect"
    EDIT_POST_ONLY_REJECT = "edit_post_only_reject"
    SETTLEMENT = "settlement"


@dataclass(slots=True, eq=False)
class OwnOrder:
    """An order from its first version to its last; `ticks` is where it rests, or would."""

    order_id: str
    user_id: int
    connection: int | None  # the one it was created on
    terms: Terms
    created: int  # ms, as `updated`
    updated: int
    state: State = State.OPEN
    reason: Reason | None = None
    filled: int = 0  # lots
    worth: float = 0.0  # of its fills: price times amount, so that the average is exact
    resting: Resting | None = None  # while it is in the book
    replaced: bool = False
    trigger_order_id: str | None = None  # the trigger order it came from
    extreme: float | None = None  # the best price a trailing stop has seen

    @property
    def instrument(self) -> Instrument:
        """What it is an order for."""
        return self.terms.instrument

    @property
    def direction(self) -> Direction:
        """Buy or sell."""
        return self.terms.direction

    @property
    def left(self) -> int:
        """Lots not yet filled."""
        return self.terms.lots - self.filled

    @property
    def alive(self) -> bool:
        """Whether it can still be filled, edited or cancelled."""
        return self.state in ALIVE

    def fill(self, lots: int, price: float) -> None:
        """Take a fill into the sums."""
        self.filled += lots
        self.worth += self.instrument.amount(lots) * price

    def change(self, **terms: Any) -> None:
        """Replace some of its terms."""
        self.terms = replace(self.terms, **terms)

    def edited(self, **terms: Any) -> Terms:
        """Its terms as they would be with some of them replaced; None leaves one as it is."""
        return replace(self.terms, **{name: value for name, value in terms.items() if value is not None})

    def shown(self) -> dict[str, Any]:
        """The version it has now."""
        terms, instrument = self.terms, self.instrument
        amount = instrument.amount(terms.lots)
        filled = instrument.amount(self.filled)
        shown: dict[str, Any] = {
            "order_id": self.order_id,
            "order_state": self.state.value,
            "order_type": LIMIT if terms.order_type == MARKET_LIMIT else terms.order_type,
            "time_in_force": terms.time_in_force or GTC,
            "instrument_name": instrument.name,
            "creation_timestamp": self.created,
            "last_update_timestamp": self.updated,
            "direction": self.direction.value,
            "price": MARKET_PRICE if terms.ticks is None else instrument.price(terms.ticks),
            "label": terms.label,
            "amount": amount,
            "contracts": round(amount / instrument.contract_size, 8),
            "filled_amount": filled,
            "average_price": round(self.worth / filled, 8) if filled else 0.0,
            "post_only": terms.post_only,
            "reject_post_only": terms.reject_post_only,
            "reduce_only": terms.reduce_only,
            "is_liquidation": False,
            "risk_reducing": False,
            "replaced": self.replaced,
            "mmp": False,
            "api": True,
            "web": False,
            "user_id": self.user_id,
        }
        if terms.order_type == MARKET_LIMIT:
            shown["original_order_type"] = terms.order_type
        if terms.display_amount is not None:
            shown["display_amount"] = terms.display_amount
        return shown | self._trigger_fields() | self._ending()

    def _trigger_fields(self) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        if self.trigger_order_id is not None:
            fields["trigger_order_id"] = self.trigger_order_id
        if (trigger := self.terms.trigger) is not None:
            fields |= {"trigger": trigger.source, "triggered": self.state is State.TRIGGERED}
            fields["trigger_price"] = trigger.price
            if trigger.offset is not None:
                fields["trigger_offset"] = trigger.offset
                fields["trigger_reference_price"] = self.extreme
        return fields

    def _ending(self) -> dict[str, Any]:
        return {"cancel_reason": self.reason.value} if self.reason else {}


def is_market(order_type: str) -> bool:
    """Whether an order of this type takes any price."""
    return order_type in (MARKET, "stop_market", "take_market", "trailing_stop")
