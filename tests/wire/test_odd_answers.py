"""Answers of another shape than the reference's: each still decodes, and says what it said."""

import json
from typing import Any

import msgspec
import pytest

from deribit_ws import types as t
from deribit_ws.wire.channels import family_of
from deribit_ws.wire.codec import decoder_of
from tests.wire.answers import ANSWERS, FILL, ORDER, TRANSFER

LEG = FILL.replace('"order_id":"USDC-11",', "")
INSTRUMENT = (
    '{"kind":"option","instrument_name":"BTC-1JAN27-90000-C","is_active":true,"tick_size":0.0001,'
    '"contract_size":1,"min_trade_amount":0.1,"base_currency":"BTC","quote_currency":"BTC"}'
)
BOOK = '{"timestamp":1,"instrument_name":"X","mark_price":null,"change_id":5,"bids":[],"asks":[[2,3.5]]}'
SUMMARY = '{"currency":"BTC",%s}'
LIMITS = SUMMARY % '"limits":{"non_matching_engine":{"rate":20,"burst":100},"matching_engine":%s}'


def order(more: str) -> str:
    return '{"order":' + ORDER[:-1] + "," + more + '},"trades":[' + FILL + "]}"


def decode(text: str, answer: Any) -> Any:
    return decoder_of(answer)(text.encode())


def plain(value: Any) -> Any:
    return json.loads(msgspec.json.encode(value))


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        # orders
        (t.OrderPlaced, order('"creation_timestamp":1718159083016.0')),
        (t.OrderPlaced, order('"advanced":false,"usd":null')),
        (t.OrderPlaced, order('"price":"market_price","trigger_price":"market_price"')),
        (t.OrderPlaced, '{"order":' + ORDER + ',"trades":[' + FILL[:-1] + ',"legs":[' + LEG + "]}]}"),
        (t.UserTradesPage, '{"trades":[' + FILL.replace('"USDC-11"', "null") + '],"has_more":false}'),
        (t.UserTradesPage, '{"trades":[' + FILL.replace('"trade_seq":77,', "") + "]}"),
        (int | list[t.CancelReport], "3.0"),
        # instruments
        (list[t.Instrument], f"[{INSTRUMENT},{INSTRUMENT.replace('0.0001', 'null')}]"),
        (list[t.Instrument], "[" + INSTRUMENT.replace('"is_active":true,', "") + "]"),
        # the market
        (t.OrderBookSnapshot, BOOK),
        (t.OrderBookSnapshot, BOOK.replace('"mark_price":null,', "")),
        (list[t.TradeVolumes], '[{"currency_pair":"btc_usd","calls_volume":1,"futures_volume":3.5}]'),
        (t.Expirations, '[{"currency":"btc","kind":"future"}]'),
        (int, "1763000000000.0"),
        # the account
        (t.AccountSummary, LIMITS % '{"rate":5,"burst":20}'),
        (t.AccountSummary, LIMITS % '{"trading":{"rate":5,"burst":20},"version":1,"state":"new","of":[1]}'),
        (t.AccountSummary, LIMITS % '{"trading":{"total":{"rate":null,"burst":20}},"spot":null}'),
        (t.AccountSummary, (LIMITS % "null").replace('"rate":20', '"rate":null')),
        (t.AccountSummary, SUMMARY % '"options_vega_map":{"btc_usd":0.5,"eth_usd":null}'),
        (
            t.AccountSummary,
            SUMMARY % '"fees":[{"currency":"BTC","fee_type":"relative","instrument_type":"perpetual",'
            '"maker_fee":0,"taker_fee":0.0005}]',
        ),
        (t.AccountSummary, SUMMARY % '"fees":{"btc_usd":{"perpetual":0.0005,"spot":null},"rebate":1}'),
        (t.RewardEligibilities, '{"eligibility_status":"eligible","apr_sma7":4.1}'),
        (t.RewardEligibilities, '{"usdc":{"eligibility_status":"eligible","apr_sma7":null}}'),
        (t.AffiliateProgram, '{"is_enabled":true,"received":{"btc":1.5,"eth":null}}'),
        (list[t.MmpConfig], '[{"index_name":"btc_usd","interval":60.0,"frozen_time":0}]'),
    ],
)
def test_odd_answer(answer: Any, text: str) -> None:
    """An answer of an older or another shape decodes, and encodes back into what came."""
    assert plain(decode(text, answer)) == json.loads(text)


@pytest.mark.parametrize(
    ("answer", "text"), ANSWERS, ids=[str(getattr(row[0], "__name__", row[0])) for row in ANSWERS]
)
def test_whole_numbers_as_floats(answer: Any, text: str) -> None:
    """A whole number that comes with a point is the same number."""
    pointed = json.dumps(json.loads(text, parse_int=float))

    assert decode(pointed, answer) == decode(text, answer)


def test_known_entries_beside_odd_ones() -> None:
    """Limits and fees that have their shape are read by it, whatever stands beside them."""
    limits = decode(
        LIMITS % '{"trading":{"total":{"rate":5,"burst":20}},"version":1}', t.AccountSummary
    ).limits
    fees = decode(SUMMARY % '"fees":{"btc_usd":{"option":{"block_trade":0.5},"x":1}}', t.AccountSummary).fees

    assert limits.matching_engine["trading"].total.rate == 5
    assert limits.matching_engine["version"] == 1
    assert fees["btc_usd"] == {"option": t.Fees(block_trade=0.5), "x": 1}


def test_null_where_there_is_none() -> None:
    """Where null came for what can't be null it counts as left out; the rest of the answer is kept."""
    placed = decode('{"order":' + ORDER + ',"trades":null}', t.OrderPlaced)
    login = decode('{"access_token":"a","expires_in":900,"scope":null}', t.Login)
    faults = decode('[{"error":{"code":10009.0,"message":null}}]', list[t.QuoteError])

    assert plain(placed) == {"order": json.loads(ORDER), "trades": []}
    assert login.scope == ""
    assert plain(faults) == [{"error": {"code": 10009, "message": ""}}]


@pytest.mark.parametrize(
    ("answer", "text", "where"),
    [
        (t.OrderPlaced, '{"order":null,"trades":null}', r"Expected `object`, got `null` - at `\$\.order`"),
        (t.OrderPlaced, '{"order":{},"trades":[]}', r"missing required field `direction` - at `\$\.order`"),
        (t.OrderPlaced, order('"filled_amount":"much"'), r"got `str` - at `\$\.order\.filled_amount`"),
        (list[t.Transfer], f"[{TRANSFER},null]", r"Expected `object`, got `null` - at `\$\[1\]`"),
        (t.Transfer, TRANSFER.replace('"amount":0.2', '"amount":null'), r"got `null` - at `\$\.amount`"),
        (t.Ticker, '{"timestamp":1,"instrument_name":"X","mark_price":null}', r"at `\$\.mark_price`"),
    ],
)
def test_nonsense(answer: Any, text: str, where: str) -> None:
    """What can't be what it should be is a misfit, which says where."""
    with pytest.raises(msgspec.ValidationError, match=where):
        decode(text, answer)


@pytest.mark.parametrize(
    ("channel", "more"),
    [
        ("user.portfolio.btc", '"currency":"BTC","balance":1,"equity":1,"delta_total_map":{"btc_usd":null}'),
        (
            "block_rfq.maker.btc",
            '"state":"open","amount":1,"legs":[],"block_rfq_id":7,"index_prices":{"btc_usd":1.5,"eth_usd":null}',
        ),
        ("user.orders.X.raw", ORDER[1:-1] + ',"advanced":false'),
    ],
)
def test_odd_payload(channel: str, more: str) -> None:
    """A message of a channel with a null in a map, or a false for a word, decodes and encodes back."""
    data = "{" + more + "}"

    assert plain(family_of(channel).decoder()(data.encode())) == json.loads(data)
