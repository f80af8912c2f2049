"""The exchange's 163 error codes: name, kind, meaning, and the exception each becomes.

The table below is written out, not read from the package: a code that is lost, renamed or moved to
another kind shows here.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from deribit_ws.errors import AuthError, ErrorClass, RateLimited, RpcError
from deribit_ws.protocol import rpc_error
from deribit_ws.wire.codec import ErrorBody
from deribit_ws.wire.error_meanings import MEANINGS
from deribit_ws.wire.errors import CLASSES, NAMES, is_retryable

# Code, kind, name; code 0 has none.
TABLE = """
-32700 protocol parse_error
-32602 protocol invalid_params
-32601 protocol method_not_found
-32600 protocol request_entity_too_large
-32000 protocol missing_params
0 ok
10000 auth authorization_required
10001 permanent error
10002 permanent qty_too_low
10003 permanent order_overlap
10004 order_state order_not_found
10005 permanent price_too_low
10006 permanent price_too_low4idx
10007 permanent price_too_high
10009 funds_limits not_enough_funds
10010 order_state already_closed
10011 permanent price_not_allowed
10012 order_state book_closed
10013 funds_limits pme_max_total_open_orders
10014 funds_limits pme_max_future_open_orders
10015 funds_limits pme_max_option_open_orders
10016 funds_limits pme_max_future_open_orders_size
10017 funds_limits pme_max_option_open_orders_size
10018 funds_limits non_pme_max_future_position_size
10019 transient locked_by_admin
10020 permanent invalid_or_unsupported_instrument
10021 permanent invalid_amount
10022 permanent invalid_quantity
10023 permanent invalid_price
10024 permanent invalid_max_show
10025 permanent invalid_order_id
10026 permanent price_precision_exceeded
10027 permanent non_integer_contract_amount
10028 rate_limit too_many_requests
10029 permanent not_owner_of_order
10030 permanent must_be_websocket_request
10031 permanent invalid_args_for_instrument
10032 permanent whole_cost_too_low
10033 unsupported not_implemented
10034 permanent trigger_price_too_high
10035 permanent trigger_price_too_low
10036 permanent invalid_max_show_amount
10037 funds_limits non_pme_total_short_options_positions_size
10038 funds_limits pme_max_risk_reducing_orders
10039 funds_limits not_enough_funds_in_currency
10040 transient retry
10041 transient settlement_in_progress
10043 permanent price_wrong_tick
10044 permanent trigger_price_wrong_tick
10045 permanent can_not_cancel_liquidation_order
10046 permanent can_not_edit_liquidation_order
10047 rate_limit matching_engine_queue_full
10048 unsupported not_on_this_server
10049 transient cancel_on_disconnect_failed
10050 transient lock_time_exceeded
10066 rate_limit too_many_concurrent_requests
10072 permanent disabled_while_position_lock
11008 order_state already_filled
11013 funds_limits max_spot_open_orders
11021 permanent post_only_price_modification_not_possible
11022 funds_limits max_spot_order_quantity
11029 permanent invalid_arguments
11030 permanent other_reject
11031 permanent other_error
11035 funds_limits no_more_triggers
11036 permanent invalid_trigger_price
11037 permanent outdated_instrument_for_IV_order
11038 permanent no_adv_for_futures
11039 permanent no_adv_postonly
11041 permanent not_adv_order
11042 auth permission_denied
11043 permanent bad_argument
11044 order_state not_open_order
11045 permanent invalid_event
11046 permanent outdated_instrument
11047 permanent unsupported_arg_combination
11048 permanent wrong_max_show_for_option
11049 permanent bad_arguments
11050 permanent bad_request
11051 transient system_maintenance
11052 permanent subscribe_error_unsubscribed
11053 permanent transfer_not_found
11054 permanent post_only_reject
11055 permanent post_only_not_allowed
11056 auth unauthenticated_public_requests_temporarily_disabled
11059 permanent iceberg_not_allowed
11090 permanent invalid_addr
11091 permanent invalid_transfer_address
11092 permanent address_already_exist
11093 funds_limits max_addr_count_exceeded
11094 transient internal_server_error
11095 unsupported disabled_deposit_address_creation
11096 permanent address_belongs_to_user
11097 permanent no_deposit_address
11098 auth account_locked
12001 funds_limits too_many_subaccounts
12002 permanent wrong_subaccount_name
12003 rate_limit login_over_limit
12004 rate_limit registration_over_limit
12005 auth country_is_banned
12100 permanent transfer_not_allowed
12998 rate_limit security_key_authorization_over_limit
13004 auth invalid_credentials
13005 permanent pwd_match_error
13006 auth security_error
13007 auth user_not_found
13008 permanent request_failed
13009 auth unauthorized
13010 permanent value_required
13011 permanent value_too_short
13012 permanent unavailable_in_subaccount
13013 permanent invalid_phone_number
13014 permanent cannot_send_sms
13015 permanent invalid_sms_code
13016 permanent invalid_input
13018 permanent invalid_content_type
13019 order_state orderbook_closed
13020 permanent not_found
13021 auth forbidden
13025 transient method_switched_off_by_admin
13028 transient temporarily_unavailable
13030 transient mmp_trigger
13031 auth verification_required
13032 order_state non_unique_order_label
13034 funds_limits no_more_security_keys_allowed
13035 rate_limit active_combo_limit_reached
13036 transient unavailable_for_combo_books
13037 permanent incomplete_KYC_data
13040 permanent mmp_required
13042 permanent cod_not_enabled
13043 transient quotes_frozen
13403 auth scope_exceeded
13503 transient unavailable
13666 order_state request_cancelled_by_user
13668 auth security_key_authorization_error
13777 order_state replaced
13778 auth raw_subscriptions_not_available_for_unauthorized
13780 rate_limit move_positions_over_limit
13781 permanent coupon_already_used
13791 permanent KYC_transfer_already_initiated
13792 permanent incomplete_KYC_data
13793 transient KYC_data_inaccessible
13888 transient timed_out
13901 funds_limits no_more_oto_orders
13902 unsupported mass_quotes_disabled
13903 rate_limit too_many_quotes
13904 auth security_key_setup_required
13905 funds_limits too_many_quotes_per_block_rfq
13906 funds_limits too_many_quotes_per_block_rfq_side
13907 permanent not_fully_filled
13910 permanent quote_crossed
13911 funds_limits max_broker_client_count
13912 permanent broker_cannot_be_client
13913 permanent broker_already_linked
13914 permanent user_is_a_broker_client
13915 permanent user_is_not_a_broker
13916 permanent app_registered_to_broker
13917 funds_limits account_quote_limit_crossed
13918 permanent inverse_future_cross_trading
13919 permanent client_of_main_account
14020 permanent only_for_retail_brokers
14033 funds_limits isolated_allocated_too_low
14034 funds_limits insufficient_cleared_balance
"""

ROWS = [(int(code), kind, "".join(name)) for code, kind, *name in map(str.split, TABLE.strip().splitlines())]

PASSES = {10028, 10040, 10041, 10047, 10066, 11051, 11094, 13028, 13888}
NOT_EXECUTED = {10028, 10041, 10047, 13666, 13888}


@pytest.fixture
def documented() -> list[dict[str, Any]]:
    """The reference's rows, from the folder $DERIBIT_REFERENCE or the one beside the repository."""
    beside = Path(__file__).resolve().parents[3] / "shared" / "deribit"
    table = Path(os.environ.get("DERIBIT_REFERENCE", beside)) / "errors.json"
    if not table.is_file():
        pytest.skip("no reference tables here: set DERIBIT_REFERENCE to their folder")
    rows: list[dict[str, Any]] = json.loads(table.read_text())
    return rows


def test_there_are_163() -> None:
    """The package knows 163 codes, each with a name, a kind and a meaning of its own."""
    codes = [code for code, _, _ in ROWS]

    assert len(codes) == len(set(codes)) == 163
    assert set(codes) == set(NAMES) == set(CLASSES) == set(MEANINGS)
    assert len(set(MEANINGS.values())) == 163


@pytest.mark.parametrize(("code", "kind", "name"), ROWS)
def test_code(code: int, kind: str, name: str) -> None:
    """An error answer becomes the exception of its kind, with the code's name and meaning, as sent."""
    error = rpc_error(ErrorBody(code, "as sent 5"), "private/buy")

    assert type(error) is {"auth": AuthError, "rate_limit": RateLimited}.get(kind, RpcError)
    assert (error.code, error.name or name, error.message) == (code, name or "as sent 5", "as sent 5")
    assert (NAMES[code], error.kind) == (name, ErrorClass(kind))
    assert error.meaning.endswith(".")
    assert error.meaning == MEANINGS[code]


def test_unknown_code() -> None:
    """A code nobody has heard of is an RpcError named by its message, and never repeated."""
    error = rpc_error(ErrorBody(77777, "brand_new 5"), "public/ticker")

    assert type(error) is RpcError
    assert (error.name, error.kind, error.meaning, error.retryable) == ("brand_new 5", None, "", False)


@pytest.mark.parametrize(
    ("method", "codes"),
    [
        ("public/get_order_book", PASSES),
        ("private/get_positions", PASSES),
        ("private/cancel_all", PASSES),
        ("public/subscribe", PASSES),
        ("private/buy", NOT_EXECUTED),
        ("private/edit", NOT_EXECUTED),
        ("private/withdraw", NOT_EXECUTED),
        ("public/auth", NOT_EXECUTED),
        ("private/brand_new", NOT_EXECUTED),
        ("", NOT_EXECUTED),
    ],
)
def test_retryable(method: str, codes: set[int]) -> None:
    """What can act twice is repeated only after an answer that says nothing was done; reads after more."""
    assert {code for code, _, _ in ROWS if is_retryable(code, method)} == codes
    assert {code for code, _, _ in ROWS if rpc_error(ErrorBody(code), method).retryable} == codes


def test_against_the_reference(documented: list[dict[str, Any]]) -> None:
    """The table above is the reference's, in which one code stands twice."""
    rows = {row["code"]: row for row in reversed(documented)}

    assert len(rows) == 163
    for code, kind, name in ROWS:
        assert (rows[code]["class"], rows[code]["name"].lower().replace(" ", "_")) == (kind, name.lower())
