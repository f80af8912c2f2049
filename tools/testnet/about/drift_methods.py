"""Checks of drift in answers: every read gives its type, which knows all its fields.

Knows: the generated classes of methods, and arguments that are good for something. Must not know: what
the answers mean. The classes are given a call of ours, so their own checks and types are on trial.
"""

from typing import Any

import msgspec

from deribit_ws import UsageError
from deribit_ws.methods import PrivateMethods, PublicMethods
from deribit_ws.wire.codec import decoder_of
from tools.testnet.about.drift import Drift
from tools.testnet.bench import INDEX, PERPETUAL, Bench
from tools.testnet.checks import Needs, check
from tools.testnet.peer import Message, Peer, told
from tools.testnet.verdicts import Finding, Findings, Undecided, undecided

_DAY = 86_400_000  # ms
_NOT_ASKED = "nothing to ask for: the listing it needs is empty"

_LATELY = {"start_timestamp": "{since}", "end_timestamp": "{now}"}
# Arguments as text are filled in from what the exchange lists: see `_known`.
_PUBLIC: dict[str, Message] = {
    "get_time": {},
    "test": {},
    "hello": {"client_name": "deribit_ws-testnet-check", "client_version": "1"},
    "status": {},
    "get_announcements": {},
    "get_apr_history": {"currency": "usde"},
    "get_block_rfq_trades": {"currency": "BTC"},
    "get_book_summary_by_currency": {"currency": "BTC"},
    "get_book_summary_by_instrument": {"instrument_name": PERPETUAL},
    "get_combo_details": {"combo_id": "{combo}"},
    "get_combo_ids": {"currency": "BTC"},
    "get_combos": {"currency": "any"},
    "get_contract_size": {"instrument_name": PERPETUAL},
    "get_currencies": {},
    "get_delivery_prices": {"index_name": INDEX},
    "get_expirations": {"currency": "any", "kind": "any"},
    "get_funding_chart_data": {"instrument_name": PERPETUAL, "length": "8h"},
    "get_funding_rate_history": {"instrument_name": PERPETUAL, **_LATELY},
    "get_funding_rate_value": {"instrument_name": PERPETUAL, **_LATELY},
    "get_historical_volatility": {"currency": "BTC"},
    "get_index_chart_data": {"index_name": INDEX, "range": "1d"},
    "get_index_price": {"index_name": INDEX},
    "get_index_price_names": {"extended": True},
    "get_instrument": {"instrument_name": PERPETUAL},
    "get_instruments": {"currency": "any"},
    "get_last_settlements_by_currency": {"currency": "BTC"},
    "get_last_settlements_by_instrument": {"instrument_name": PERPETUAL},
    "get_last_trades_by_currency": {"currency": "BTC"},
    "get_last_trades_by_currency_and_time": {"currency": "BTC", **_LATELY},
    "get_last_trades_by_instrument": {"instrument_name": PERPETUAL},
    "get_last_trades_by_instrument_and_time": {"instrument_name": PERPETUAL, **_LATELY},
    "get_mark_price_history": {"instrument_name": "{option}", **_LATELY},
    "get_order_book": {"instrument_name": "{option}"},
    "get_order_book_by_instrument_id": {"instrument_id": "{id}"},
    "get_supported_index_names": {},
    "get_trade_volumes": {"extended": True},
    "get_tradingview_chart_data": {"instrument_name": PERPETUAL, "resolution": "60", **_LATELY},
    "get_volatility_index_data": {"currency": "BTC", "resolution": "3600", **_LATELY},
    "ticker": {"instrument_name": "{option}"},
}
# Reads that show no secret of the account: list_api_keys and its like are left alone.
_PRIVATE: dict[str, Message] = {
    "get_account_summary": {"currency": "BTC", "extended": True},
    "get_account_summaries": {"extended": True},
    "get_cancel_on_disconnect": {},
    "get_lsp_usage": {},
    "get_margins": {"instrument_name": PERPETUAL, "amount": 10, "price": 50_000},
    "get_mmp_config": {},
    "get_open_orders": {},
    "get_open_orders_by_currency": {"currency": "BTC"},
    "get_open_orders_by_instrument": {"instrument_name": PERPETUAL},
    "get_order_history_by_currency": {"currency": "BTC"},
    "get_order_history_by_instrument": {"instrument_name": PERPETUAL},
    "get_position": {"instrument_name": PERPETUAL},
    "get_positions": {},
    "get_settlement_history_by_currency": {"currency": "BTC"},
    "get_transaction_log": {"currency": "BTC", **_LATELY},
    "get_trigger_order_history": {"currency": "BTC"},
    "get_user_trades_by_currency": {"currency": "BTC"},
    "get_user_trades_by_instrument": {"instrument_name": PERPETUAL},
}


class _Refused(Exception):
    """The exchange answered with an error."""


@check("§8, §14.1")
async def drift_methods(bench: Bench) -> Findings:
    """Each public read gives what its type says, without unknown fields."""
    async with bench.peer() as peer:
        known = await _known(peer)
        return {name: await _tried(peer, PublicMethods, name, args, known) for name, args in _PUBLIC.items()}


@check("§12, §15, §14.5", needs=Needs.LOGIN)
async def drift_private_methods(bench: Bench) -> Findings:
    """The same of reads of an account."""
    async with bench.peer() as peer:
        await bench.login(peer)
        known = await _known(peer)
        return {
            name: await _tried(peer, PrivateMethods, name, args, known) for name, args in _PRIVATE.items()
        }


async def _tried(
    peer: Peer, methods: type[PublicMethods | PrivateMethods], name: str, args: Message, known: Message
) -> Finding:
    drift = Drift()

    async def call(method: str, params: dict[str, Any], result: Any, timeout: float | None) -> Any:
        answer = await peer.call(method, params)
        if "result" not in answer:
            raise _Refused(told(answer))
        return drift.add(msgspec.json.encode(answer["result"]), decoder_of(result))

    filled = {
        key: known.get(value, value) if isinstance(value, str) else value for key, value in args.items()
    }
    if None in filled.values():
        return undecided(_NOT_ASKED)
    try:
        await getattr(methods(call), name)(**filled)
    except (_Refused, Undecided, UsageError) as error:
        return undecided(f"refused: {error}")
    return drift.finding()


async def _known(peer: Peer) -> Message:
    """What the placeholders of the tables stand for; None for what is not there."""
    now = await peer.result("public/get_time")
    options = await peer.result("public/get_instruments", {"currency": "BTC", "kind": "option"})
    combos = await peer.call("public/get_combo_ids", {"currency": "BTC"})
    ids = combos.get("result") or [None]
    option = options[0] if options else {}
    return {
        "{now}": now,
        "{since}": now - _DAY,
        "{option}": option.get("instrument_name"),
        "{id}": option.get("instrument_id"),
        "{combo}": ids[0],
    }
