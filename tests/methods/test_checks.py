"""Values that the exchange would refuse are refused here, before anything is sent."""

from decimal import Decimal
from typing import Any

import pytest

from deribit_ws.errors import UsageError
from deribit_ws.methods import PrivateMethods, PublicMethods
from deribit_ws.methods.checks import Parameter, Rules, check

REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("buy", {}, "private/buy: missing 1 required keyword-only argument: 'instrument_name'"),
    ("buy", {"instrument_name": None, "amount": 10}, "private/buy: instrument_name is missing"),
    ("buy", {"instrument_name": "X"}, "private/buy: amount or contracts is missing"),
    ("buy", {"instrument_name": "X", "amount": None}, "private/buy: amount or contracts is missing"),
    (
        "buy",
        {"instrument_name": "X", "amount": 10, "post": True},
        "private/buy: got an unexpected keyword argument 'post'",
    ),
    (
        "buy",
        {"instrument_name": "X", "amount": 10, "time_in_force": "GTC"},
        "private/buy: time_in_force 'GTC' is none of good_til_cancelled, good_til_day, fill_or_kill, "
        "immediate_or_cancel; a word that is newer than this list can be sent by client.call(method, {...})",
    ),
    (
        "buy",
        {"instrument_name": "X", "amount": 10, "label": "x" * 65},
        "private/buy: label has 65 characters, and 64 are allowed",
    ),
    (
        "buy",
        {"instrument_name": "X", "amount": "10"},
        "private/buy: amount must be a number, not str",
    ),
    ("buy", {"instrument_name": "X", "amount": True}, "private/buy: amount must be a number, not bool"),
    (
        "buy",
        {"instrument_name": "X", "amount": 10, "valid_until": 1.5},
        "private/buy: valid_until must be a whole number, not float",
    ),
    (
        "buy",
        {"instrument_name": "X", "amount": 10, "valid_until": True},
        "private/buy: valid_until must be a whole number, not bool",
    ),
    (
        "buy",
        {"instrument_name": "X", "amount": 10, "mmp": 1},
        "private/buy: mmp must be True or False, not int",
    ),
    (
        "buy",
        {"instrument_name": "X", "amount": 10, "otoco_config": {"type": "limit"}},
        "private/buy: otoco_config must be a list of mappings, not dict",
    ),
    ("buy", {"instrument_name": 7, "amount": 10}, "private/buy: instrument_name must be a string, not int"),
    ("buy", {"instrument_name": "X", "amount": 0}, "private/buy: amount 0 is not above 0"),
    ("sell", {"instrument_name": "X", "amount": -10.5}, "private/sell: amount -10.5 is not above 0"),
    ("sell", {"instrument_name": "X", "contracts": 0.0}, "private/sell: contracts 0.0 is not above 0"),
    ("edit", {"order_id": "1", "amount": Decimal("0")}, "private/edit: amount 0 is not above 0"),
    ("buy", {"instrument_name": "X", "amount": Decimal("NaN")}, "private/buy: amount is not a number"),
    (
        "buy",
        {"instrument_name": "X", "amount": 10, "type": "stop_market", "trigger": "index_price"},
        "private/buy: trigger_price is missing",
    ),
    (
        "sell",
        {"instrument_name": "X", "amount": 10, "type": "take_limit", "price": 5, "trigger_price": 5},
        "private/sell: trigger is missing",
    ),
    (
        "sell",
        {"instrument_name": "X", "amount": 10, "type": "trailing_stop", "trigger": "last_price"},
        "private/sell: trigger_offset is missing",
    ),
    (
        "subscribe",
        {"channels": "user.orders.any.any.raw"},
        "private/subscribe: channels must be a list of strings, not str",
    ),
    (
        "subscribe",
        {"channels": [f"ticker.{n}.100ms" for n in range(501)]},
        "private/subscribe: channels has 501 items, and 500 are allowed",
    ),
    (
        "subscribe",
        {"channels": ["announcements"], "label": "x" * 17},
        "private/subscribe: label has 17 characters, and 16 are allowed",
    ),
    (
        "get_order_history_by_currency",
        {"currency": "BTC", "count": 1001},
        "private/get_order_history_by_currency: count 1001 is more than 1000",
    ),
    (
        "cancel_quotes",
        {"cancel_type": "currency"},
        "private/cancel_quotes: currency is missing",
    ),
    (
        "cancel_all_by_kind_or_type",
        {"currency": 5},
        "private/cancel_all_by_kind_or_type: currency must be a string or a list of strings, not int",
    ),
    (
        "set_disabled_trading_products",
        {"user_id": 5, "trading_products": ["spots", "bonds"]},
        "private/set_disabled_trading_products: trading_products 'bonds' is none of",
    ),
    ("pme_simulate", {}, "private/pme/simulate: missing 1 required keyword-only argument: 'currency'"),
]


@pytest.mark.parametrize(("name", "given", "complaint"), REFUSED)
async def test_bad_value(
    name: str, given: dict[str, Any], complaint: str, private: Any, made: list[Any]
) -> None:
    """A bad value raises UsageError, which names method and parameter, and nothing is sent."""
    with pytest.raises(UsageError) as caught:
        await getattr(private, name)(**given)

    assert str(caught.value).startswith(complaint)
    assert made == []


async def test_a_positional_argument_is_refused(public: Any, made: list[Any]) -> None:
    """Arguments are keywords; one without its name is a UsageError too."""
    with pytest.raises(UsageError, match=r"^public/ticker: its parameters go by name$"):
        await public.ticker("BTC-PERPETUAL")

    assert made == []


async def test_an_interval_below_the_least_is_refused(public: PublicMethods, made: list[Any]) -> None:
    """A heartbeat every 9 seconds is refused, one every 10 is not."""
    with pytest.raises(UsageError, match=r"^public/set_heartbeat: interval 9 is less than 10$"):
        await public.set_heartbeat(interval=9)
    await public.set_heartbeat(interval=10)

    assert [params for _, params, _, _ in made] == [{"interval": 10}]


async def test_a_way_to_log_in_needs_its_own_parameters(public: PublicMethods, made: list[Any]) -> None:
    """A login by credentials needs a secret, one by refresh token does not."""
    with pytest.raises(UsageError, match=r"^public/auth: client_secret is missing$"):
        await public.auth(grant_type="client_credentials", client_id="id")
    await public.auth(grant_type="refresh_token", refresh_token="token")

    assert [params for _, params, _, _ in made] == [{"grant_type": "refresh_token", "refresh_token": "token"}]


async def test_a_secret_is_not_shown(public: Any) -> None:
    """A refusal does not tell what a secret of the wrong type was."""
    with pytest.raises(UsageError) as caught:
        await public.auth(grant_type="client_credentials", client_id="id", client_secret=["hush"])

    assert str(caught.value) == "public/auth: client_secret must be a string, not list"


async def test_good_values_go_through(private: PrivateMethods, made: list[Any]) -> None:
    """None is left out; whole numbers, floats and Decimals are numbers; a label of 64 characters fits."""
    await private.sell(
        instrument_name="BTC-PERPETUAL",
        amount=Decimal("10"),
        price=50_000,
        trigger_price=None,
        label="x" * 64,
        post_only=False,
    )

    assert [params for _, params, _, _ in made] == [
        {
            "instrument_name": "BTC-PERPETUAL",
            "amount": Decimal("10"),
            "price": 50_000,
            "label": "x" * 64,
            "post_only": False,
        }
    ]


@pytest.mark.parametrize(
    "order",
    [
        {"type": "trailing_stop", "trigger": "last_price", "trigger_offset": 50},
        {"type": "stop_market", "trigger": "index_price", "trigger_price": 40_000},
        {"type": "market_limit"},
        {"price": -0.005},
        {"price": 0},
    ],
)
async def test_orders_that_work_go_through(
    order: dict[str, Any], private: PrivateMethods, made: list[Any]
) -> None:
    """A trigger order with what sets it off is sent, and so is a price below zero, as combos have."""
    await private.buy(instrument_name="X", amount=0.1, **order)

    assert [params for _, params, _, _ in made] == [{"instrument_name": "X", "amount": 0.1} | order]


async def test_lists_may_be_tuples(private: PrivateMethods, made: list[Any]) -> None:
    """A tuple of names serves as a list does."""
    await private.unsubscribe(channels=("announcements", "platform_state"))

    assert made[0][1] == {"channels": ("announcements", "platform_state")}


async def test_an_error_of_the_call_itself_is_not_taken_for_a_wrong_name() -> None:
    """A TypeError from within the call comes out as it is."""

    async def broken(method: str, params: dict[str, Any], result: Any, timeout: float | None) -> Any:
        raise TypeError("of another kind")

    with pytest.raises(TypeError, match=r"^of another kind$"):
        await PublicMethods(broken).get_time()


def test_only_one_of_a_group_may_be_given() -> None:
    """Parameters that exclude each other are refused together, and taken alone."""
    rules = Rules({"a": Parameter("string"), "b": Parameter("string")}, at_most_one=(("a", "b"),))
    check("public/x", {"a": "1"}, rules)

    with pytest.raises(UsageError, match=r"^public/x: only one of a, b may be given$"):
        check("public/x", {"a": "1", "b": "2"}, rules)
