"""The exchange's own error codes: number, name, what kind of trouble each is, and what it leaves undone.

Knows: the numbers Deribit puts into `error.code`; what they mean in words is in `error_meanings`. Must
not know: exceptions, attempts or connections. `protocol` turns a code into an `RpcError` with these
words; the simulated exchange answers with them. Names are Deribit's, with the five of JSON-RPC written
alike (the wire says "Invalid params"). Source: the complete reference table of
docs.deribit.com/articles/errors (the "common codes" table above it there is wrong).
"""

from deribit_ws.errors import ErrorClass
from deribit_ws.wire.methods import Repeat, repeat_of

__all__ = ["CLASSES", "NAMES", "ErrorClass", "is_passing", "is_retryable"]

_CODES: dict[ErrorClass, dict[int, str]] = {
    ErrorClass.OK: {0: ""},  # the reference lists it, without a name
    ErrorClass.PROTOCOL: {
        -32700: "parse_error",
        -32602: "invalid_params",
        -32601: "method_not_found",
        -32600: "request_entity_too_large",
        -32000: "missing_params",
    },
    ErrorClass.AUTH: {
        10000: "authorization_required",
        11042: "permission_denied",
        11056: "unauthenticated_public_requests_temporarily_disabled",
        11098: "account_locked",
        12005: "country_is_banned",
        13004: "invalid_credentials",
        13006: "security_error",
        13007: "user_not_found",
        13009: "unauthorized",
        13021: "forbidden",
        13031: "verification_required",
        13403: "scope_exceeded",
        13668: "security_key_authorization_error",
        13778: "raw_subscriptions_not_available_for_unauthorized",
        13904: "security_key_setup_required",
    },
    ErrorClass.RATE_LIMIT: {
        10028: "too_many_requests",
        10047: "matching_engine_queue_full",
        10066: "too_many_concurrent_requests",
        12003: "login_over_limit",
        12004: "registration_over_limit",
        12998: "security_key_authorization_over_limit",
        13035: "active_combo_limit_reached",
        13780: "move_positions_over_limit",
        13903: "too_many_quotes",
    },
    ErrorClass.TRANSIENT: {
        10019: "locked_by_admin",
        10040: "retry",
        10041: "settlement_in_progress",
        10049: "cancel_on_disconnect_failed",
        10050: "lock_time_exceeded",
        11051: "system_maintenance",
        11094: "internal_server_error",
        13025: "method_switched_off_by_admin",
        13028: "temporarily_unavailable",
        13030: "mmp_trigger",
        13036: "unavailable_for_combo_books",
        13043: "quotes_frozen",
        13503: "unavailable",
        13793: "KYC_data_inaccessible",
        13888: "timed_out",
    },
    ErrorClass.ORDER_STATE: {
        10004: "order_not_found",
        10010: "already_closed",
        10012: "book_closed",
        11008: "already_filled",
        11044: "not_open_order",
        13019: "orderbook_closed",
        13032: "non_unique_order_label",
        13666: "request_cancelled_by_user",
        13777: "replaced",
    },
    ErrorClass.FUNDS_LIMITS: {
        10009: "not_enough_funds",
        10013: "pme_max_total_open_orders",
        10014: "pme_max_future_open_orders",
        10015: "pme_max_option_open_orders",
        10016: "pme_max_future_open_orders_size",
        10017: "pme_max_option_open_orders_size",
        10018: "non_pme_max_future_position_size",
        10037: "non_pme_total_short_options_positions_size",
        10038: "pme_max_risk_reducing_orders",
        10039: "not_enough_funds_in_currency",
        11013: "max_spot_open_orders",
        11022: "max_spot_order_quantity",
        11035: "no_more_triggers",
        11093: "max_addr_count_exceeded",
        12001: "too_many_subaccounts",
        13034: "no_more_security_keys_allowed",
        13901: "no_more_oto_orders",
        13905: "too_many_quotes_per_block_rfq",
        13906: "too_many_quotes_per_block_rfq_side",
        13911: "max_broker_client_count",
        13917: "account_quote_limit_crossed",
        14033: "isolated_allocated_too_low",
        14034: "insufficient_cleared_balance",
    },
    ErrorClass.PERMANENT: {
        10001: "error",
        10002: "qty_too_low",
        10003: "order_overlap",
        10005: "price_too_low",
        10006: "price_too_low4idx",
        10007: "price_too_high",
        10011: "price_not_allowed",
        10020: "invalid_or_unsupported_instrument",
        10021: "invalid_amount",
        10022: "invalid_quantity",
        10023: "invalid_price",
        10024: "invalid_max_show",
        10025: "invalid_order_id",
        10026: "price_precision_exceeded",
        10027: "non_integer_contract_amount",
        10029: "not_owner_of_order",
        10030: "must_be_websocket_request",
        10031: "invalid_args_for_instrument",
        10032: "whole_cost_too_low",
        10034: "trigger_price_too_high",
        10035: "trigger_price_too_low",
        10036: "invalid_max_show_amount",
        10043: "price_wrong_tick",
        10044: "trigger_price_wrong_tick",
        10045: "can_not_cancel_liquidation_order",
        10046: "can_not_edit_liquidation_order",
        10072: "disabled_while_position_lock",
        11021: "post_only_price_modification_not_possible",
        11029: "invalid_arguments",
        11030: "other_reject",
        11031: "other_error",
        11036: "invalid_trigger_price",
        11037: "outdated_instrument_for_IV_order",
        11038: "no_adv_for_futures",
        11039: "no_adv_postonly",
        11041: "not_adv_order",
        11043: "bad_argument",
        11045: "invalid_event",
        11046: "outdated_instrument",
        11047: "unsupported_arg_combination",
        11048: "wrong_max_show_for_option",
        11049: "bad_arguments",
        11050: "bad_request",
        11052: "subscribe_error_unsubscribed",
        11053: "transfer_not_found",
        11054: "post_only_reject",
        11055: "post_only_not_allowed",
        11059: "iceberg_not_allowed",
        11090: "invalid_addr",
        11091: "invalid_transfer_address",
        11092: "address_already_exist",
        11096: "address_belongs_to_user",
        11097: "no_deposit_address",
        12002: "wrong_subaccount_name",
        12100: "transfer_not_allowed",
        13005: "pwd_match_error",
        13008: "request_failed",
        13010: "value_required",
        13011: "value_too_short",
        13012: "unavailable_in_subaccount",
        13013: "invalid_phone_number",
        13014: "cannot_send_sms",
        13015: "invalid_sms_code",
        13016: "invalid_input",
        13018: "invalid_content_type",
        13020: "not_found",
        13037: "incomplete_KYC_data",
        13040: "mmp_required",
        13042: "cod_not_enabled",
        13781: "coupon_already_used",
        13791: "KYC_transfer_already_initiated",
        13792: "incomplete_KYC_data",
        13907: "not_fully_filled",
        13910: "quote_crossed",
        13912: "broker_cannot_be_client",
        13913: "broker_already_linked",
        13914: "user_is_a_broker_client",
        13915: "user_is_not_a_broker",
        13916: "app_registered_to_broker",
        13918: "inverse_future_cross_trading",
        13919: "client_of_main_account",
        14020: "only_for_retail_brokers",
    },
    ErrorClass.UNSUPPORTED: {
        10033: "not_implemented",
        10048: "not_on_this_server",
        11095: "disabled_deposit_address_creation",
        13902: "mass_quotes_disabled",
    },
}

NAMES: dict[int, str] = {code: name for codes in _CODES.values() for code, name in codes.items()}
CLASSES: dict[int, ErrorClass] = {code: kind for kind, codes in _CODES.items() for code in codes}


# The exchange did nothing: it ran out of credits, stood still for the settlement, had its queue full, met
# valid_until, or had the request withdrawn while it waited.
_NOT_EXECUTED = frozenset({10028, 10041, 10047, 13666, 13888})
# Trouble that passes, after which a call that changes nothing by being repeated is worth repeating. With
# 11094 and 13028 nobody knows what became of the call, so for any other call they are the end.
_PASSES = frozenset({10028, 10040, 10041, 10047, 10066, 11051, 11094, 13028, 13888})


def is_retryable(code: int, method: str) -> bool:
    """Tell whether `method`, answered with this error, may be sent again without acting twice."""
    harmless = repeat_of(method) in (Repeat.READ, Repeat.SAME_END)
    return code in (_PASSES if harmless else _NOT_EXECUTED)


def is_passing(code: int) -> bool:
    """Tell whether an error says nothing about what was asked: too many requests, or just not now."""
    return CLASSES.get(code) in (ErrorClass.RATE_LIMIT, ErrorClass.TRANSIENT)
