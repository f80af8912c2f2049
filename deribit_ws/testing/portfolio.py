"""What an account is worth in one currency.

Knows: the fields of a summary, and how deposits, cash, profit and positions add up to them. Must
not know: orders, requests, who is told. `account_methods` and the portfolio channel print with it.
Source: account management pages of docs.deribit.com, and recorded answers, whose field names these
are. Margins are those of positions alone: open orders need none here.
"""

from typing import Any

from deribit_ws.testing.market import Market
from deribit_ws.testing.positions import Position, Positions, delta

DEPOSITS = {"BTC": 10.0, "ETH": 100.0, "USDC": 250_000.0, "USDT": 0.0, "EURR": 0.0}  # what everybody owns
FUNDED = tuple(currency for currency, amount in DEPOSITS.items() if amount)
NOTHING = (
    "options_session_rpl", "options_gamma", "options_theta", "options_vega",
    "spot_reserve", "additional_reserve", "fee_balance", "locked_balance", "estimated_liquidation_ratio",
)  # fmt: skip
MAPS = (
    "delta_total_map", "options_gamma_map", "options_theta_map", "options_vega_map",
    "estimated_liquidation_ratio_map",
)  # fmt: skip


def summary(market: Market, positions: Positions, user_id: int, currency: str) -> dict[str, Any]:
    """One currency's sums, without the limits."""
    sums = _sums(market, positions, user_id, currency)
    return {
        "currency": currency,
        **dict.fromkeys(NOTHING, 0.0),
        **{name: round(float(value), 8) for name, value in sums.items()},
        **{name: {} for name in MAPS},
        "margin_model": "segregated_sm",
        "portfolio_margining_enabled": False,
        "cross_collateral_enabled": False,
    }


def _sums(market: Market, positions: Positions, user_id: int, currency: str) -> dict[str, float]:
    held = [one for one in positions.of(user_id) if one.lots and one.instrument.settlement == currency]
    futures = [one for one in held if one.instrument.kind == "future"]
    options = [one for one in held if one.instrument.kind == "option"]
    earned = positions.earned(user_id, currency)
    floating = sum(one.floating(_mark(market, one)) for one in futures)
    options_floating = sum(one.floating(_mark(market, one)) for one in options)
    options_value = sum(one.size * _mark(market, one) for one in options)
    shown = [positions.shown(user_id, market[one.instrument.name]) for one in futures]
    initial, maintenance = (
        sum(one[f"{name}_margin"] for one in shown) for name in ("initial", "maintenance")
    )
    balance = DEPOSITS[currency] + positions.cash(user_id, currency)
    margin_balance = balance + earned + floating
    return {
        "balance": balance,
        "equity": margin_balance + options_value,
        "margin_balance": margin_balance,
        "available_funds": margin_balance - initial,
        "available_withdrawal_funds": max(0.0, min(balance, margin_balance - initial)),
        "total_pl": earned + floating + options_floating,
        "session_rpl": earned,
        "session_upl": floating + options_floating,
        "futures_pl": earned + floating,
        "futures_session_rpl": earned,
        "futures_session_upl": floating,
        "options_pl": options_floating,
        "options_session_upl": options_floating,
        "options_value": options_value,
        "options_delta": _deltas(market, options),
        "delta_total": _deltas(market, held),
        "projected_delta_total": _deltas(market, held),
        "initial_margin": initial,
        "projected_initial_margin": initial,
        "maintenance_margin": maintenance,
        "projected_maintenance_margin": maintenance,
    }


def _mark(market: Market, held: Position) -> float:
    return market[held.instrument.name].mark_price


def _deltas(market: Market, held: list[Position]) -> float:
    return sum(delta(market[one.instrument.name], one) for one in held)
