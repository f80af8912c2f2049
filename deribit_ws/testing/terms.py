"""What a request to buy, sell or edit asks for, read and checked.

Knows: the parameters of orders, their grids and their -32602 answers. Must not know: books,
positions, users. `order_methods` reads requests with it; `engine` acts on the `Terms`. Source: the
trading pages of docs.deribit.com, and recorded refusals.
"""

from dataclasses import dataclass

from deribit_ws.testing.book import Direction
from deribit_ws.testing.envelope import Refusal
from deribit_ws.testing.instruments import Instrument
from deribit_ws.testing.params import Params

NOT_IMPLEMENTED = 10033
WRONG_TICK = 10043
WRONG_TRIGGER_TICK = 10044
LIMIT, MARKET, MARKET_LIMIT = "limit", "market", "market_limit"
GTC, GTD = "good_til_cancelled", "good_til_day"
FOK, IOC = "fill_or_kill", "immediate_or_cancel"
TIMES_IN_FORCE = (GTC, GTD, FOK, IOC)
PRICED = (LIMIT, "stop_limit", "take_limit")
CONDITIONAL = ("stop_limit", "stop_market", "take_limit", "take_market", "trailing_stop")
ORDER_TYPES = (LIMIT, MARKET, MARKET_LIMIT, *CONDITIONAL)
LETTERS = {"index_price": "I", "mark_price": "M", "last_price": "T"}  # of a trigger, in order ids
TRIGGERS = tuple(LETTERS)
LONGEST_LABEL = 64  # characters, documented
NOT_OFFERED = ("advanced", "linked_order_type", "otoco_config", "trigger_fill_condition")


@dataclass(frozen=True, slots=True)
class Trigger:
    """When a conditional order begins; `offset` is a trailing stop's distance."""

    source: str
    price: float
    offset: float | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """An order as asked for: whole lots, and whole ticks (None: any price)."""

    instrument: Instrument
    direction: Direction
    lots: int
    order_type: str = LIMIT
    ticks: int | None = None
    time_in_force: str | None = None  # None: as the type has it
    label: str = ""
    post_only: bool = False
    reject_post_only: bool = False
    reduce_only: bool = False
    display_amount: float | None = None
    trigger: Trigger | None = None

    @property
    def id_kind(self) -> str:
        """What stands in the id of a trigger order: SL or TP, the trigger's letter, the direction's."""
        if self.trigger is None:
            return ""
        kind = "TP" if self.order_type.startswith("take") else "SL"
        return kind + LETTERS[self.trigger.source] + self.direction[0].upper()


def read_terms(params: Params, instrument: Instrument, direction: Direction) -> Terms:
    """The terms of private/buy or private/sell; raises Refusal."""
    for name in NOT_OFFERED:
        if name in params:
            raise Refusal(NOT_IMPLEMENTED)
    order_type = params.optional("type", among=ORDER_TYPES) or LIMIT
    label = params.optional("label") or ""
    if len(label) > LONGEST_LABEL:
        raise Refusal.param("label", f"no longer than {LONGEST_LABEL}")
    time_in_force = params.optional("time_in_force", among=TIMES_IN_FORCE)
    if time_in_force is not None and order_type not in PRICED:
        raise Refusal.param("time_in_force", "not allowed for this order type")
    post_only = params.flag("post_only")
    if post_only and ((time_in_force or GTC) != GTC or order_type not in PRICED):
        raise Refusal.param("post_only", "only for good_til_cancelled limit orders")
    lots = read_lots(params, instrument)
    if lots is None:
        raise Refusal.param("amount", "required")
    return Terms(
        instrument=instrument,
        direction=direction,
        lots=lots,
        order_type=order_type,
        ticks=read_ticks(params, instrument, required=True) if order_type in PRICED else None,
        time_in_force=time_in_force,
        label=label,
        post_only=post_only,
        reject_post_only=params.flag("reject_post_only"),
        reduce_only=params.flag("reduce_only"),
        display_amount=_display_amount(params),
        trigger=_trigger(params, instrument, order_type),
    )


def read_lots(params: Params, instrument: Instrument) -> int | None:
    """The size asked for, None if none is; `amount` and `contracts` must agree where both are given."""
    amounts = []
    if "amount" in params:
        amounts.append(("amount", params.number("amount", least=0)))
    if "contracts" in params:
        amounts.append(("contracts", params.number("contracts", least=0) * instrument.contract_size))
    sizes = [(name, _steps(amount, instrument.min_trade_amount)) for name, amount in amounts]
    for name, lots in sizes:
        if not lots:
            raise Refusal.param(name, "must be a multiple of the minimum order size")
    if len({lots for _, lots in sizes}) > 1:
        raise Refusal.param("contracts", "must agree with amount")
    return sizes[0][1] if sizes else None


def read_ticks(params: Params, instrument: Instrument, *, required: bool = False) -> int | None:
    """The price asked for in ticks, None if none is; raises Refusal 10043 for one off the grid."""
    if "price" not in params and not required:
        return None
    ticks = _steps(params.number("price", least=0), instrument.tick_size)
    if not ticks:
        raise Refusal(WRONG_TICK)
    return ticks


def read_trigger_price(params: Params, instrument: Instrument) -> float:
    """The price at which a conditional order begins; raises Refusal 10044 for one off the grid."""
    price = params.number("trigger_price", least=0)
    ticks = _steps(price, instrument.tick_size)
    if not ticks:
        raise Refusal(WRONG_TRIGGER_TICK)
    return instrument.price(ticks)


def _trigger(params: Params, instrument: Instrument, order_type: str) -> Trigger | None:
    if order_type not in CONDITIONAL:
        return None
    source = params.text("trigger", among=TRIGGERS)
    if order_type != "trailing_stop":
        return Trigger(source, read_trigger_price(params, instrument))
    offset = params.number("trigger_offset", least=instrument.tick_size)
    return Trigger(source, 0.0, offset)  # its price follows the market from the first moment


def _display_amount(params: Params) -> float | None:
    return params.number("display_amount", least=0) if "display_amount" in params else None


def _steps(value: float, step: float) -> int:
    """How many whole steps a value is; 0 where it is none, or not a whole number of them."""
    steps = round(value / step)
    return steps if abs(steps * step - value) <= 1e-9 * max(1.0, abs(value)) else 0
