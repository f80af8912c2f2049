"""What a dialogue came to, held against the exchange's ledger: nothing lost, nothing twice, nothing untrue.

Knows the ledger and the promises of each room. Must not know when the link was cut: whatever happened, the
same must hold. Raises AssertionError where it does not.
"""

from collections import Counter, defaultdict
from typing import Any

from deribit_ws import Connected, Disconnected, State
from tests.orders.kills import _pending
from tests.orders.recovery_game import covers, version
from tests.recovery.dialogue import ALIVE, BTC, ETH, LINEAR, OWN_CHANNELS, Act, Dialogue

SIGN_OF_LIFE = "public/test"  # one may be under way at any time
OUT_OF_ORDER = "out of order"  # told to on_error where what was missed could not be read within the hold
TOLD = ("order_state", "amount", "filled_amount", "price")
USER = 10  # the id of the simulated exchange's first account


def behind(dialogue: Dialogue) -> list[str]:
    """Say what has not yet come to where the ledger is, in words."""
    client = dialogue.client
    lacking = [] if client.state is State.CONNECTED else [f"the client is {client.state}"]
    lacking += [] if client.orders.valid else ["the view of orders is not valid"]
    for reader, entered in zip(dialogue.trades, dialogue.entered, strict=True):
        for name in filter(reader.is_about, dialogue.exchange.instruments):
            if max(reader.at(name), entered.get(name, 0)) < dialogue.last_seq(name):
                lacking.append(f"{reader.trades.channel}: {name} at {reader.at(name)}")
    for reading in dialogue.books:
        newest = dialogue.exchange.market[reading.book.instrument].change_id
        if reading.book.change_id != newest:
            lacking.append(f"{reading.book} is not at {newest}")
    for channel in OWN_CHANNELS:
        made, heard = _since(_fills(dialogue, channel)), _since(dialogue.own.trades[channel])
        if "orders" not in channel and len(heard) < len(made):
            lacking.append(f"{channel}: {len(heard)} fills of {len(made)}")
        states = {one["order_id"]: version(one) for one in _since(dialogue.own.orders[channel])}
        lasts = {one["order_id"]: version(one) for one in _since(_orders(dialogue, channel))}
        if "trades" not in channel and states != lasts:
            lacking.append(f"{channel}: orders at {states}, not {lasts}")
    return lacking


def judge(dialogue: Dialogue) -> None:
    """Hold all of it against the ledger."""
    judge_trades(dialogue)
    judge_books(dialogue)
    for channel in OWN_CHANNELS:
        if "orders" not in channel:
            judge_fills(dialogue, channel)
        if "trades" not in channel:
            judge_orders(dialogue, channel)
    judge_view(dialogue)
    for act in dialogue.acts:
        judge_act(dialogue, act)
    judge_labels(dialogue)
    judge_marks(dialogue)
    errors = [error for error in dialogue.ears.errors if OUT_OF_ORDER not in str(error)]
    assert not errors, f"on_error was told: {errors}"
    assert not dialogue.client.limits.in_flight, "calls are in flight"
    pending = [call.method for call in _pending(dialogue.client) if call.method != SIGN_OF_LIFE]
    assert not pending, f"calls are pending: {pending}"


def was_late(dialogue: Dialogue) -> bool:
    """Tell whether the client said that fills come out of order, as it could not read what was missed."""
    return any(OUT_OF_ORDER in str(error) for error in dialogue.ears.errors)


def judge_trades(dialogue: Dialogue) -> None:
    """Per instrument all trades from the first delivered on are there, once, ascending, and none is lost."""
    for reader, entered in zip(dialogue.trades, dialogue.entered, strict=True):
        channel = reader.trades.channel
        assert not reader.gaps or not any(reader.gaps.values()), f"{channel}: {dict(reader.gaps)}"
        for name in dialogue.exchange.instruments:
            seqs = reader.seqs[name]
            assert reader.is_about(name) or not seqs, f"{channel}: {name} was not asked for"
            first = min(seqs[0] if seqs else 1 << 60, entered.get(name, 0) + 1)
            made = dialogue.exchange.ledger.trade_seqs_made(name, since=first)
            if reader.is_about(name):
                reader.judge(name, made, f"{channel}, {name}")


def judge_books(dialogue: Dialogue) -> None:
    """Each book has been read, is valid, and is the exchange's newest."""
    assert [reading.book.instrument for reading in dialogue.books] == [BTC, LINEAR]
    for reading in dialogue.books:
        assert reading.looks > reading.invalid, f"{reading.book} was never valid"
        assert reading.book.valid, f"{reading.book}"
        assert reading.book.change_id == dialogue.exchange.market[reading.book.instrument].change_id


def judge_fills(dialogue: Dialogue, channel: str) -> None:
    """Each fill was heard once, in the order of time, and each instrument's in its order."""
    heard, made = _since(dialogue.own.trades[channel]), _since(_fills(dialogue, channel))
    assert {one["trade_id"] for one in heard} == {one["trade_id"] for one in made}, channel
    assert len(heard) == len(made), f"{channel}: {heard}, made {made}"
    if was_late(dialogue):
        return
    for name in (BTC, ETH):
        ids, real = _ids(heard, name), _ids(made, name)
        assert ids == real, f"{channel}: fills {ids}, made {real}"
    times = [trade["timestamp"] for trade in heard]
    # A message of user.changes is about one instrument, so a recovered one gathers some time of it.
    assert "changes" in channel or times == sorted(times), f"{channel}: {times}"


def judge_orders(dialogue: Dialogue, channel: str) -> None:
    """Each version heard was made, was heard once, in its order's order; the last of each was heard."""
    heard: defaultdict[str, list[Any]] = defaultdict(list)
    for order in _since(dialogue.own.orders[channel]):
        heard[order["order_id"]].append(version(order))
    made: defaultdict[str, list[Any]] = defaultdict(list)
    for order in _since(_orders(dialogue, channel)):
        if version(order) not in made[order["order_id"]]:
            made[order["order_id"]].append(version(order))
    assert heard.keys() == made.keys(), f"{channel}: {heard.keys()} and not {made.keys()}"
    for order_id, versions in heard.items():
        said = f"{channel}: {order_id} was {versions}, made {made[order_id]}"
        assert all(one in made[order_id] for one in versions), said
        places = [made[order_id].index(one) for one in versions]
        assert places == sorted(set(places)), said
        assert versions[-1] == made[order_id][-1], said


def judge_view(dialogue: Dialogue) -> None:
    """The live view is the account: open orders and positions."""
    orders = dialogue.client.orders
    assert orders.valid, "the view of orders is not valid"
    last = dialogue.exchange.ledger.last_versions(USER)
    shown = {one.order_id: (one.order_state, one.filled_amount, one.amount) for one in orders.open.values()}
    real = {
        one["order_id"]: (one["order_state"], one["filled_amount"], one["amount"])
        for one in last.values()
        if one["order_state"] in ALIVE
    }
    assert shown == real, f"the view shows {shown}, not {real}"
    sums: Counter[str] = Counter()
    for trade in dialogue.exchange.ledger.user_trades[USER]:
        sums[trade["instrument_name"]] += (1 if trade["direction"] == "buy" else -1) * _lots(trade["amount"])
    held = {name: _lots(position.size) for name, position in orders.positions.items() if position.size}
    assert held == {name: size for name, size in sums.items() if size}, f"positions {held}, made {sums}"


def judge_act(dialogue: Dialogue, act: Act) -> None:
    """What the user was told of an order is what the exchange did."""
    ledger = dialogue.exchange.ledger
    if act.order is None:
        assert act.name == "unchanged" or not ledger.labelled(act.label), f"{act} exists"
    else:
        versions = ledger.versions(act.order.order_id)
        told = (act.order.order_state, act.order.amount, act.order.filled_amount, act.order.price)
        real = [tuple(one[key] for key in TOLD) for one in versions]
        assert told in real, f"{act}: never was so, but {real}"
        assert not act.label or act.label == versions[-1]["label"]
    if act.name == "edited":
        assert act.order is not None and act.order.amount == act.asked["amount"]
    if act.name == "cancel":
        assert act.order is not None and act.order.order_state in ("cancelled", "filled")


def judge_labels(dialogue: Dialogue) -> None:
    """No order was made twice, or sent twice, or made though it was said not to be."""
    ledger = dialogue.exchange.ledger
    made = Counter(one["label"] for one in ledger.last_versions(USER).values())
    assert max(made.values()) == 1, f"labels made twice: {made}"
    assert not made.keys() & set(dialogue.absent)
    sent = Counter(
        one.params["label"] for side in ("buy", "sell") for one in ledger.requests_of(f"private/{side}")
    )
    assert max(sent.values()) == 1, f"labels sent twice: {sent}"
    told = {act.label for act in dialogue.acts if act.order is not None and act.label}
    assert told == set(made), f"orders nobody was told of: {set(made) - told}"


def judge_marks(dialogue: Dialogue) -> None:
    """One Disconnected and one Connected for each drop, in order, in the stream as for handlers."""
    links = [mark for mark in dialogue.ears.marks if isinstance(mark, Connected | Disconnected)]
    kinds = [type(mark) for mark in links]
    assert kinds == ([Connected, Disconnected] * len(links))[: len(links)], kinds
    assert kinds[-1] is Connected, kinds
    numbers = [mark.connection for mark in links if isinstance(mark, Connected)]
    assert numbers == sorted(set(numbers)), numbers
    since = [mark for mark in dialogue.ears.marks[dialogue.marks_before :] if mark in links]
    assert dialogue.own.marks == since, f"{dialogue.own.marks} in the stream, {since} for handlers"


def _ids(fills: list[Any], name: str) -> list[str]:
    return [one["trade_id"] for one in fills if one["instrument_name"] == name]


def _lots(size: float) -> int:
    return round(size * 1_000_000)  # finer than any instrument's least amount


def _since(items: list[Any]) -> list[Any]:
    """Leave out the instrument that was traded just before the channels were opened: some may tell of it."""
    return [item for item in items if item["instrument_name"] != LINEAR]


def _fills(dialogue: Dialogue, channel: str) -> list[Any]:
    made = dialogue.exchange.ledger.user_trades[USER]
    return [trade for trade in made if covers(channel, trade["instrument_name"])]


def _orders(dialogue: Dialogue, channel: str) -> list[Any]:
    made = dialogue.exchange.ledger.orders[USER]
    return [order for order in made if covers(channel, order["instrument_name"])]
