"""Instruments and combos: what can be traded, and when that changes.

Knows: the fields of each, their units, and which may be absent or null. Must not know: channels, calls,
or who keeps a universe of them. Words stay plain strings; fields nobody has heard of are ignored.

Units: timestamps are ms since the epoch; commissions are fractions.
Source: docs.deribit.com, get_instruments and instrument.…; old shapes are from recordings of 2021.
"""

import msgspec

from deribit_ws.wire.absent import UNSET, Maybe


class TickSizeStep(msgspec.Struct, frozen=True, gc=False):
    """From which price on another tick size holds."""

    above_price: float
    tick_size: float


class Instrument(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """`instrument.creation.{kind}.{currency}`, `public/get_instrument(s)`: one instrument.

    `timestamp` is there on the channel only.
    """

    price_index: Maybe[str] = UNSET
    rfq: Maybe[bool] = UNSET  # whether a request for quote is open
    kind: str  # future, option, spot, future_combo, option_combo
    instrument_name: str
    option_type: Maybe[str] = UNSET  # call or put
    strike: Maybe[float] = UNSET
    max_leverage: Maybe[float] = UNSET
    max_non_default_leverage: Maybe[float] = UNSET
    maker_commission: Maybe[float] = UNSET
    taker_commission: Maybe[float] = UNSET
    instrument_type: Maybe[str] = UNSET  # reversed or linear
    expiration_timestamp: Maybe[int] = UNSET  # in the year 3000, or left out, for what does not expire
    creation_timestamp: Maybe[int] = UNSET
    is_active: Maybe[bool] = UNSET
    tick_size: Maybe[float] = UNSET  # the smallest; `tick_size_steps` says where it grows
    contract_size: float
    instrument_id: Maybe[int] = UNSET
    min_trade_amount: float  # amounts are multiples of it
    future_type: Maybe[str] = UNSET  # reversed or linear
    max_liquidation_commission: Maybe[float] = UNSET
    block_trade_commission: Maybe[float] = UNSET
    block_trade_min_trade_amount: Maybe[float] = UNSET
    block_trade_tick_size: Maybe[float] = UNSET
    settlement_currency: Maybe[str] = UNSET
    settlement_period: Maybe[str] = UNSET  # day, week, month, perpetual
    base_currency: str
    counter_currency: Maybe[str] = UNSET
    quote_currency: str
    tick_size_steps: Maybe[list[TickSizeStep]] = UNSET
    state: Maybe[str] = UNSET  # open, locked, settlement, delivered, inactive, halted, archivized
    timestamp: Maybe[int] = UNSET


class InstrumentState(msgspec.Struct, frozen=True, gc=False):
    """`instrument.state.{kind}.{currency}`: an instrument changed its state."""

    timestamp: int
    state: str
    instrument_name: str


class ComboLeg(msgspec.Struct, frozen=True, gc=False):
    """One leg of a combo."""

    amount: float  # per unit of the combo; negative: sold when the combo is bought
    instrument_name: str


class Combo(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """`public/get_combos` and the like: what a combo is made of."""

    id: str
    state: Maybe[str] = UNSET  # active, inactive, rfq
    legs: list[ComboLeg]
    creation_timestamp: Maybe[int] = UNSET
    instrument_id: Maybe[int] = UNSET
    state_timestamp: Maybe[int] = UNSET
