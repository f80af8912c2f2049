"""What each channel carries, typed and back: nothing known is lost, and nothing new is an error."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deribit_ws.router import Form
from deribit_ws.wire.channels import family_of
from tests.core.recording import Ear, listen, live
from tests.wire.channel_samples import BOOK, COMBO_TRADE, LEG, ORDER, SAMPLES, TICKER, TRADE

UNTYPED = {"user.position_lock", "user.trailing_orders.trigger_price.{currency}"}  # of no published shape
TYPED = [pattern for pattern in SAMPLES if pattern not in UNTYPED]
ONE_ORDER = "user.orders.X.raw"

Row = dict[str, Any]


def typed(channel: str, data: str) -> Any:
    """The payload of one message of a channel, which must be what the channel promises."""
    return family_of(channel).decoder()(data.encode())


def back(payload: Any) -> Any:
    """What a payload says as JSON."""
    return json.loads(msgspec.json.encode(payload))


def fields_of(kind: Any) -> set[str]:
    """The fields that a payload type, or what it is a list of, has."""
    (struct,) = get_args(kind) or (kind,)
    return set(struct.__struct_fields__)


@pytest.fixture(scope="session")
def rows() -> list[Row]:
    """The table of all documented channels; skips without."""
    beside = Path(__file__).parents[3] / "shared" / "deribit"
    table = Path(os.environ.get("DERIBIT_REFERENCE", beside)) / "channels.json"
    if not table.is_file():
        pytest.skip("no table of the documented channels here: set DERIBIT_REFERENCE to its folder")
    found: list[Row] = json.loads(table.read_text())
    return [row for row in found if row["pattern"] != "rfq.{currency}"]  # it is gone


def samples(row: Row) -> Iterator[Row]:
    for message in (row["sample"], *row.get("more_samples", ())):
        if message is not None:
            yield message["params"]


# --- without the reference


def test_patterns_all_sampled() -> None:
    """There is a sample of our own for each of the 52 patterns, and each is of that very pattern."""
    assert len(SAMPLES) == 52
    assert {family_of(channel).pattern.text for channel, _ in SAMPLES.values()} == set(SAMPLES)


@pytest.mark.parametrize("pattern", SAMPLES)
def test_sample(pattern: str) -> None:
    """A message decodes into its channel's type and encodes back equal, nulls and lacks included."""
    channel, data = SAMPLES[pattern]
    payload = typed(channel, data)

    assert back(payload) == json.loads(data)
    assert (family_of(channel).payload is None) is (pattern in UNTYPED)


@pytest.mark.parametrize("pattern", TYPED)
def test_sample_needs_no_more(pattern: str) -> None:
    """A payload's fields may be left out or null but for those without which it would make no sense."""
    channel, _ = SAMPLES[pattern]
    kind = family_of(channel).payload
    (struct,) = get_args(kind) or (kind,)
    required = [field.name for field in msgspec.structs.fields(struct) if field.required]
    optional = [name for name in struct.__struct_fields__ if name not in required]
    whole = next(sample for sample in whole_samples() if fields_of(kind) == sample.keys())
    least = {name: whole[name] for name in required}
    nulls = least | dict.fromkeys(optional)

    assert back(msgspec.convert(least, struct)) == least
    assert back(msgspec.json.decode(json.dumps(nulls), type=struct)) == nulls


@pytest.mark.parametrize("pattern", TYPED)
def test_whole_numbers_as_floats(pattern: str) -> None:
    """A whole number that comes with a point is the same number."""
    channel, data = SAMPLES[pattern]
    pointed = json.dumps(json.loads(data, parse_int=pointed_number))

    assert typed(channel, pointed) == typed(channel, data)


def pointed_number(digits: str) -> int | float:
    """The number as a float, but for those that a float can't hold."""
    number = float(digits)
    return number if abs(number) < 2**53 else int(digits)


def whole_samples() -> Iterator[Row]:
    for _, data in SAMPLES.values():
        value = json.loads(data)
        items = value if isinstance(value, list) else [value]
        yield from items
        yield from (leg for item in items for leg in item.get("legs") or ())


@pytest.mark.parametrize("pattern", TYPED)
def test_sample_is_whole(pattern: str) -> None:
    """Some sample of ours has every field that the pattern's payload type knows."""
    known = fields_of(family_of(SAMPLES[pattern][0]).payload)

    assert any(known == sample.keys() for sample in whole_samples())


@pytest.mark.parametrize(
    ("channel", "is_list"),
    [
        (ONE_ORDER, False),
        ("user.orders.X.100ms", True),
        ("user.orders.X.agg2", True),
        ("user.orders.any.any.raw", False),
        ("user.orders.any.any.100ms", True),
        ("user.orders.option.BTC.agg2", True),
    ],
)
def test_orders_by_interval(channel: str, is_list: bool) -> None:
    """A raw channel of orders gives one order, the aggregated ones a list."""
    data = f"[{ORDER}]" if is_list else ORDER
    payload = typed(channel, data)

    assert isinstance(payload, list) is is_list
    assert back(payload) == json.loads(data)


@pytest.mark.parametrize(
    ("channel", "item"),
    [
        ("user.orders.X.100ms", ORDER),
        ("user.orders.any.any.agg2", ORDER),
        ("user.combo_trades.X.raw", COMBO_TRADE),
        ("user.combo_trades.any.any.100ms", COMBO_TRADE),
        ("user.isolated.orders.X.raw", ORDER),
        ("user.isolated.orders.any.any.raw", ORDER),
        ("user.isolated.trades.X.raw", COMBO_TRADE),
    ],
)
def test_one_where_a_list_is_promised(channel: str, item: str) -> None:
    """Where sources disagree whether a list comes, one object is given out as a list of one."""
    assert back(typed(channel, item)) == [json.loads(item)]
    assert back(typed(channel, f"[{item},{item}]")) == [json.loads(item)] * 2
    assert typed(channel, "[]") == []


def test_one_where_a_list_is_promised_through_the_protocol() -> None:
    """A callback of such a channel is always given a list."""
    ear = Ear(Form.TYPED)
    protocol, told = live(listen(ear)[0].notify)
    head = '{"jsonrpc":"2.0","method":"subscription","params":{"channel":"user.combo_trades.any.any.raw",'
    protocol.receive(f'{head}"data":{COMBO_TRADE}}}}}'.encode())

    assert told.events == []
    assert back(ear.heard[0][1]) == [json.loads(COMBO_TRADE)]


def test_absent_is_not_null() -> None:
    """A field that was left out is UNSET and false, one that was null is None, and each stays so."""
    null_legs = TRADE % (1, "X", '"legs":null,')
    absent, null = typed("trades.X.raw", f"[{LEG},{null_legs}]")

    assert (absent.legs, null.legs) == (msgspec.UNSET, None)
    assert not absent.legs
    assert "legs" not in back(absent)
    assert back(null)["legs"] is None


@pytest.mark.parametrize(
    ("channel", "data", "name", "value"),
    [
        (ONE_ORDER, ORDER, "price", "market_price"),
        ("ticker.X.raw", TICKER, "estimated_delivery_price", "expired"),
        ("ticker.X.raw", TICKER, "mark_price", -4e-07),
        ("ticker.X.raw", TICKER, "last_price", None),
        ("ticker.X.raw", TICKER, "max_price", 94000.0),
        ("book.X.raw", BOOK, "prev_change_id", 0),
        ("book.X.raw", BOOK, "asks", []),
    ],
)
def test_oddities(channel: str, data: str, name: str, value: object) -> None:
    """Words where a price should be, exponents, nulls, whole numbers and zeros are what they are."""
    found = getattr(typed(channel, data), name)

    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("pattern", SAMPLES)
@settings(max_examples=10, deadline=None)
@given(
    extra=st.dictionaries(
        st.text(min_size=1).map("new_".__add__),
        st.recursive(
            st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
            max_leaves=5,
        ),
    )
)
def test_unknown_fields(pattern: str, extra: Row) -> None:
    """Fields that nobody has heard of are ignored, whatever they hold."""
    channel, data = SAMPLES[pattern]
    value = json.loads(data)
    items = value if isinstance(value, list) else [value]
    for item in items:
        item.update(extra)
    payload = typed(channel, json.dumps(value))

    assert back(payload) == (value if pattern in UNTYPED else json.loads(data))


@pytest.mark.parametrize("pattern", TYPED)
def test_unknown_words(pattern: str) -> None:
    """A state, kind, side or any other word that is new is kept as it came."""
    channel, data = SAMPLES[pattern]
    value = reworded(json.loads(data))

    assert back(typed(channel, json.dumps(value))) == value


def reworded(value: Any) -> Any:
    """The same with every word replaced by one that nobody knows."""
    if isinstance(value, dict):
        return {name: reworded(item) for name, item in value.items()}
    if isinstance(value, list):
        return [reworded(item) for item in value]
    return "brand_new" if isinstance(value, str) else value


# --- against the reference


def test_documented_patterns(rows: list[Row]) -> None:
    """Each documented channel is of a family with that very pattern."""
    assert {row["pattern"] for row in rows} == set(SAMPLES)
    assert [row["status"] for row in rows].count("production") == 43


def test_documented_fields(rows: list[Row]) -> None:
    """Each documented field, nested ones too, is a field of the channel's type."""
    kinds = {pattern: family_of(SAMPLES[pattern][0]).payload for pattern in TYPED}
    found = [
        fields_found(kinds[row["pattern"]], row["data"], row["pattern"])
        for row in rows
        if row["pattern"] in kinds
    ]

    assert len(found) == 50
    assert sum(found) >= 1600


def fields_found(kind: Any, documented: Row, path: str) -> int:
    """How many documented fields a type has, nested ones too; it must have them all."""
    structs = structs_in(kind)
    assert structs, path
    count = 0
    for struct in structs:
        types = {field.name: field.type for field in msgspec.structs.fields(struct)}
        assert documented.keys() <= types.keys(), path
        count += len(documented)
        for name, said in documented.items():
            if "fields" in said:
                count += fields_found(types[name], said["fields"], f"{path}: {name}")
    return count


def structs_in(kind: Any) -> list[Any]:
    if hasattr(kind, "__struct_fields__"):
        return [kind]
    return [struct for argument in get_args(kind) for struct in structs_in(argument)]


def test_documented_samples(rows: list[Row]) -> None:
    """Each published sample decodes into its channel's type and encodes back equal."""
    seen = 0
    for row in rows:
        for params in samples(row):
            family = family_of(params["channel"])
            payload = family.decoder()(json.dumps(params["data"]).encode())
            seen += 1

            assert family.pattern.text == row["pattern"]
            assert back(payload) == params["data"], params["channel"]
    assert seen >= 52
