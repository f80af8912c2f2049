"""Patterns of channel names: what they match, what they name, and which families they can mean."""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deribit_ws.errors import UsageError
from deribit_ws.wire.channels import Pattern, families_meant, family_of, is_private


@pytest.mark.parametrize(
    ("pattern", "channel", "found"),
    [
        ("announcements", "announcements", {}),
        ("announcements", "announcement", None),
        ("announcements", "announcements.x", None),
        ("ticker.{instrument}.100ms", "ticker.BTC-PERPETUAL.100ms", {"instrument": "BTC-PERPETUAL"}),
        ("ticker.{instrument}.100ms", "ticker.BTC-PERPETUAL.raw", None),
        ("ticker.{instrument}.100ms", "ticker.100ms", None),
        ("ticker.{instrument}.100ms", "ticker.A.B.100ms", None),
        ("{a}.{b}", "x.y", {"a": "x", "b": "y"}),
        ("*", "announcements", {}),
        ("*", "a.b", None),
        ("a.*.c", "a.b.c", {}),
        ("a.*.c", "a.b.b.c", None),
        ("a.*.c", "a.c", None),
        ("*.{b}.>", "a.b.c.d", {"b": "b"}),
        (">", "a", {}),
        (">", "a.b.c", {}),
        ("a.>", "a.b", {}),
        ("a.>", "a.b.c.d", {}),
        ("a.>", "a", None),
        ("a.>", "b.c", None),
        ("A.b", "a.b", None),
    ],
)
def test_match(pattern: str, channel: str, found: dict[str, str] | None) -> None:
    """A placeholder and * stand for one segment, > for one or more at the end, letters for themselves."""
    assert Pattern(pattern).match(channel, {}) == found


@pytest.mark.parametrize(
    ("values", "matches"),
    [
        ({}, True),
        ({"i": "X"}, True),
        ({"i": "Y"}, False),
        ({"i": ["Y", "X"]}, True),
        ({"i": []}, False),
        ({"i": "XX"}, False),
    ],
)
def test_match_values(values: dict[str, Any], matches: bool) -> None:
    """A placeholder that has values stands for those alone."""
    assert (Pattern("a.{i}.>").match("a.X.c", values) is not None) is matches


@pytest.mark.parametrize(
    ("pattern", "values", "channels"),
    [
        ("announcements", {}, {"announcements": {}}),
        ("a.{i}", {"i": "X"}, {"a.X": {"i": "X"}}),
        ("a.{i}", {"i": ["X", "Y"]}, {"a.X": {"i": "X"}, "a.Y": {"i": "Y"}}),
        (
            "t.{kind}.{c}.raw",
            {"kind": ("future", "option"), "c": ["BTC", "ETH"]},
            {
                f"t.{kind}.{c}.raw": {"kind": kind, "c": c}
                for kind in ("future", "option")
                for c in ("BTC", "ETH")
            },
        ),
        ("a.{i}", {"i": ["X", "X"]}, {"a.X": {"i": "X"}}),
        ("a.{i}", {"i": []}, {}),
        ("a.{i}", {}, None),
        ("a.{i}.{j}", {"i": "X"}, None),
        ("a.*", {}, None),
        ("a.{i}.>", {"i": "X"}, None),
    ],
)
def test_channels(pattern: str, values: Any, channels: Any) -> None:
    """Lists multiply; a pattern with a segment left open names no channel and only routes."""
    assert Pattern(pattern).channels(values) == channels


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(["a", "b", "X-1", "{i}", "{j}", "*"]), min_size=1, max_size=4, unique=True),
    st.data(),
)
def test_channels_match(segments: list[str], data: st.DataObject) -> None:
    """Each channel a pattern names is matched by it, with the values it was made of."""
    pattern = Pattern(".".join(segments))
    values = {
        name: data.draw(st.lists(st.sampled_from(["p", "q", "r"]), max_size=3)) for name in pattern.names
    }

    for channel, chosen in (pattern.channels(values) or {}).items():
        assert pattern.match(channel, values) == chosen
        assert pattern.match(channel, {}) == chosen


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "a.",
        ".a",
        "a..b",
        "a.>.b",
        ">.a",
        "a.b>",
        "a.b*",
        "a.{i",
        "a.i}",
        "a.{}",
        "a.{1}",
        "a.{a-b}",
        "a.x{i}",
        "a.{i}.{i}",
        "a b",
        "a.\n",
        'a."b',
        "a.b\\c",
        "a.{i}x",
    ],
)
def test_no_pattern(text: str) -> None:
    """What is no pattern is refused, and shown."""
    with pytest.raises(UsageError) as caught:
        Pattern(text)

    assert repr(text) in str(caught.value)


@pytest.mark.parametrize("text", [None, 5, b"a.b", ["a.b"]])
def test_no_string(text: Any) -> None:
    """A pattern that is not even a string is a mistake of use like any other."""
    with pytest.raises(UsageError, match="not a string"):
        Pattern(text)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"instrumnet": "X"}, "no placeholder 'instrumnet'"),
        ({"i": 5}, "5 can't stand for 'i'"),
        ({"i": None}, "None can't stand for 'i'"),
        ({"i": ""}, "'' can't stand for 'i'"),
        ({"i": "a.b"}, "'a.b' can't stand for 'i'"),
        ({"i": "*"}, "can't stand"),
        ({"i": ["X", ">"]}, "can't stand"),
        ({"i": ["X", 5]}, "can't stand"),
        ({"i": 'X"'}, "can't stand"),
        ({"i": "X\n"}, "can't stand"),
    ],
)
def test_no_value(values: dict[str, Any], words: str) -> None:
    """A value that can't be a segment, or has no place, is refused with pattern and name."""
    with pytest.raises(UsageError) as caught:
        Pattern("ticker.{i}.raw").checked(values)

    assert "'ticker.{i}.raw'" in str(caught.value)
    assert words in str(caught.value)


# --- families

KNOWN = [
    ("platform_state", False, False),
    ("platform_state.public_methods_state", False, False),
    ("announcements", False, False),
    ("book.BTC-PERPETUAL.raw", False, False),
    ("book.BTC-PERPETUAL.none.10.100ms", False, True),
    ("ticker.BTC-29DEC28-1d02-C.agg2", False, True),
    ("incremental_ticker.BTC-PERPETUAL", False, False),
    ("quote.BTC-PERPETUAL", False, True),
    ("perpetual.BTC-PERPETUAL.100ms", False, True),
    ("trades.BTC-PERPETUAL.raw", False, False),
    ("trades.option.any.100ms", False, False),
    ("chart.trades.BTC-PERPETUAL.1D", False, False),
    ("deribit_price_index.btc_usd", False, True),
    ("deribit_price_ranking.btc_usd", False, True),
    ("deribit_price_statistics.btc_usd", False, True),
    ("deribit_volatility_index.btc_usd", False, True),
    ("estimated_expiration_price.btc_usd", False, True),
    ("markprice.options.btc_usd", False, False),
    ("instrument.creation.any.any", False, False),
    ("instrument.state.any.any", False, False),
    ("block_rfq.trades.BTC", False, False),
    ("block_rfq.maker.BTC", True, False),
    ("block_rfq.taker.any", True, False),
    ("block_rfq.maker.quotes.BTC", True, False),
    ("block_trade_confirmations", True, False),
    ("block_trade_confirmations.BTC", True, False),
    ("user.orders.BTC-PERPETUAL.raw", True, False),
    ("user.orders.any.any.raw", True, False),
    ("user.trades.future.BTC.100ms", True, False),
    ("user.combo_trades.any.any.raw", True, False),
    ("user.changes.BTC-PERPETUAL.agg2", True, False),
    ("user.portfolio.any", True, False),
    ("user.mmp_trigger.btc_usd", True, False),
    ("user.access_log", True, False),
    ("user.lock", True, False),
    ("user.liquidation", True, False),
    ("user.isolated.liquidation", True, False),
    ("user.lsp", True, False),
    ("user.isolated.orders.any.any.raw", True, False),
    ("user.isolated.portfolio.BTC", True, False),
    ("user.position_lock", True, False),
    ("user.trailing_orders.trigger_price.BTC", True, False),
]


@pytest.mark.parametrize(("channel", "private", "state"), KNOWN)
def test_family(channel: str, private: bool, state: bool) -> None:
    """Each channel has one family, which says whether it needs a login and may be thinned."""
    family = family_of(channel)

    assert family.is_known
    assert (family.is_private, family.is_state) == (private, state)
    assert is_private(channel) is private


@pytest.mark.parametrize(
    ("channel", "payload"),
    [
        ("ticker.X.raw", "Ticker"),
        ("quote.X", "Quote"),
        ("book.X.raw", "BookChange"),
        ("book.X.none.20.raw", "GroupedBook"),
        ("trades.X.raw", "list[deribit_ws.wire.market.Trade]"),
        ("trades.any.any.raw", "list[deribit_ws.wire.market.Trade]"),
        ("deribit_price_index.x", "IndexPrice"),
        ("platform_state", "PlatformState"),
        ("platform_state.public_methods_state", "PublicMethodsState"),
        ("user.trades.X.raw", "list[deribit_ws.wire.trading.UserTrade]"),
        ("user.orders.X.raw", "Order"),
        ("user.orders.X.agg2", "list[deribit_ws.wire.trading.Order]"),
        ("user.orders.any.any.raw", "Order"),
        ("user.orders.any.any.100ms", "list[deribit_ws.wire.trading.Order]"),
        ("block_rfq.maker.BTC", "BlockRfq"),
        ("block_rfq.maker.quotes.BTC", "list[deribit_ws.wire.blocks.BlockRfqQuote]"),
        ("block_rfq.trades.BTC", "BlockRfqTrade"),
        ("announcements", "Announcement"),
        ("user.position_lock", "None"),
        ("made.up", "None"),
    ],
)
def test_payload(channel: str, payload: str) -> None:
    """A family has the payload type its documentation page describes, or plain values."""
    kind = family_of(channel).payload

    assert payload == (
        kind.__name__ if type(kind) is type(object) or hasattr(kind, "__struct_fields__") else str(kind)
    )


@pytest.mark.parametrize(
    ("channel", "private"),
    [
        ("", False),
        ("ticker", False),
        ("ticker.X", False),
        ("book.X.none.raw", False),
        ("trades.a.b.c.d", False),
        ("rfq.BTC", False),
        ("user", False),
        ("user.brand_new.X", True),
        ("users.x", False),
        ("block_rfq.maker", False),
    ],
)
def test_unknown_family(channel: str, private: bool) -> None:
    """A channel of no known family has plain values; what is the user's own stays private."""
    family = family_of(channel)

    assert (family.is_known, family.payload, family.is_state) == (False, None, False)
    assert family.is_private is private


@pytest.mark.parametrize(
    ("pattern", "texts"),
    [
        ("quote.{x}", {"quote.{instrument_name}"}),
        ("quote.BTC-PERPETUAL", {"quote.{instrument_name}"}),
        (
            "book.>",
            {"book.{instrument_name}.{interval}", "book.{instrument_name}.{group}.{depth}.{interval}"},
        ),
        ("book.*.*", {"book.{instrument_name}.{interval}"}),
        (
            "*.trades.>",
            {
                "chart.trades.{instrument_name}.{resolution}",
                "user.trades.{instrument_name}.{interval}",
                "user.trades.{kind}.{currency}.{interval}",
                "block_rfq.trades.{currency}",
                "trades.{instrument_name}.{interval}",
                "trades.{kind}.{currency}.{interval}",
                "ticker.{instrument_name}.{interval}",
                "perpetual.{instrument_name}.{interval}",
                "book.{instrument_name}.{interval}",
                "book.{instrument_name}.{group}.{depth}.{interval}",
            },
        ),
        ("announcements", {"announcements"}),
        ("announcements.>", set()),
        ("platform_state.>", {"platform_state.public_methods_state"}),
        (
            "user.isolated.>",
            {
                "user.isolated.liquidation",
                "user.isolated.portfolio.{currency}",
                *(
                    f"user.isolated.{what}.{tail}.{{interval}}"
                    for what in ("orders", "trades", "changes")
                    for tail in ("{instrument_name}", "{kind}.{currency}")
                ),
            },
        ),
        (
            "user.orders.{i}.{interval}",
            {"user.orders.{instrument_name}.raw", "user.orders.{instrument_name}.{interval}"},
        ),
        ("user.orders.X.100ms", {"user.orders.{instrument_name}.{interval}"}),
        ("made.up", set()),
        ("a.b.c.d.e.f.g", set()),
    ],
)
def test_families_meant(pattern: str, texts: set[str]) -> None:
    """A pattern means the families of which it can match a channel, and no other."""
    assert {family.pattern.text for family in families_meant(Pattern(pattern))} == texts


@settings(deadline=None)
@given(
    st.lists(
        st.sampled_from(["ticker", "book", "user", "trades", "X", "raw", "*", "{i}"]), min_size=1, max_size=5
    ),
    st.booleans(),
)
def test_families_meant_covers(segments: list[str], has_rest: bool) -> None:
    """No known channel that a pattern matches belongs to a family it is said not to mean."""
    if segments.count("{i}") > 1:
        return
    pattern = Pattern(".".join([*segments, ">"] if has_rest else segments))
    meant = families_meant(pattern)

    for channel, _, _ in KNOWN:
        assert pattern.match(channel, {}) is None or family_of(channel) in meant


def test_every_documented_pattern(documented: list[dict[str, Any]]) -> None:
    """Each documented channel but the removed rfq has its family, private where the documentation says so."""
    found = {row["pattern"]: family_of(re.sub(r"\{.*?\}", "X", row["pattern"])) for row in documented}

    assert len(found) == 53
    assert {text for text, family in found.items() if not family.is_known} == {"rfq.{currency}"}
    for row in documented:
        assert found[row["pattern"]].is_private is (row["auth"] == "private")


@pytest.fixture
def documented() -> list[dict[str, Any]]:
    """The table of all documented channels; skips without."""
    beside = Path(__file__).parents[3] / "shared" / "deribit"
    table = Path(os.environ.get("DERIBIT_REFERENCE", beside)) / "channels.json"
    if not table.is_file():
        pytest.skip("no table of the documented channels here: set DERIBIT_REFERENCE to its folder")
    rows: list[dict[str, Any]] = json.loads(table.read_text())
    return rows
