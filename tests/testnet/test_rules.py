"""The rules by which checks judge, on frames and books made up for them."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.testnet.conftest import CLIENT_ID, SECRET
from tools.testnet.about.books import is_window, judged_book
from tools.testnet.about.channel_sets import judged_label
from tools.testnet.about.drift import Drift
from tools.testnet.about.orders import judged_shapes
from tools.testnet.catalogue import CHECKS
from tools.testnet.evidence import Evidence
from tools.testnet.masking import Mask
from tools.testnet.names import private_channels, public_channels
from tools.testnet.pace import Pace
from tools.testnet.peer import Frame
from tools.testnet.report import Report
from tools.testnet.running import Result
from tools.testnet.verdicts import Verdict, refuted


def book(*changes: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
    """A snapshot, and what follows it."""
    snapshot = {
        "type": "snapshot",
        "change_id": 10,
        "bids": [["new", 99.5, 10.0], ["new", 99.0, 20.0]],
        "asks": [["new", 100.0, 30.0]],
    }
    return [snapshot | more, *changes]


def change(change_id: int, prev: int, level: list[Any], **more: Any) -> dict[str, Any]:
    data = {"type": "change", "change_id": change_id, "prev_change_id": prev, "bids": [level], "asks": []}
    return data | more


WHOLE = (
    change(13, 10, ["delete", 99.0, 0.0]),
    change(17, 13, ["change", 99.5, 5.0]),
    change(18, 17, ["new", 98.5, 1.0]),
    change(31, 18, ["new", 98.0, 2.5e2]),
)


def test_whole_book_is_confirmed() -> None:
    """A book by the rules confirms each of them."""
    assert {finding.verdict for finding in judged_book(book(*WHOLE)).values()} == {Verdict.CONFIRMED}


@pytest.mark.parametrize(
    ("messages", "rule"),
    [
        (book(*WHOLE[1:], WHOLE[0]), "chain"),
        (book(*WHOLE, prev_change_id=9), "snapshot"),
        (book(*WHOLE, bids=[["new", 99.0, 1.0], ["new", 99.5, 1.0]]), "snapshot"),
        (book(*WHOLE, change(32, 31, ["delete", 98.0, 3.0])), "deletes"),
        (book(*WHOLE, change(32, 31, ["new", 98.0, 3.0], type="update")), "types"),
        (book(*(change(11 + n, 10 + n, ["new", 98.0, 1.0]) for n in range(5))), "jumps"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_broken_book_is_refuted(messages: list[dict[str, Any]], rule: str) -> None:
    """A book that breaks a rule refutes that rule."""
    assert judged_book(messages)[rule].verdict is Verdict.REFUTED


def test_quiet_book_decides_nothing() -> None:
    """A book with too few changes leaves all rules undecided."""
    assert {finding.verdict for finding in judged_book(book()).values()} == {Verdict.UNDECIDED}


@pytest.mark.parametrize(
    ("data", "holds"),
    [
        ({"bids": [[99.5, 10.0]], "asks": []}, True),
        ({"bids": [[99.5, 10.0]] * 3, "asks": []}, False),
        ({"bids": [["new", 99.5, 10.0]], "asks": []}, False),
        ({"type": "snapshot", "bids": [], "asks": []}, False),
        ({"bids": []}, False),
    ],
)
def test_window_of_a_grouped_book(data: dict[str, Any], holds: bool) -> None:
    """A window has two sides of pairs, no more than its depth, and no word of a chain."""
    assert is_window(data, depth=2) is holds


@pytest.mark.parametrize(
    ("message", "verdict", "seen"),
    [
        ({"params": {"channel": "user.lock", "label": "mine", "data": {}}}, "CONFIRMED", "params.label"),
        ({"params": {"channel": "user.lock", "data": {"label": "mine"}}}, "REFUTED", "params.data.label"),
        ({"params": {"channel": "user.lock", "data": {}}, "label": "mine"}, "REFUTED", "label"),
    ],
)
def test_place_of_a_label(message: dict[str, Any], verdict: str, seen: str) -> None:
    """The label is found wherever in a notification it stands."""
    finding = judged_label(message, "mine")

    assert (finding.verdict.value, finding.seen) == (verdict, f"label found: {seen}")


def notification(channel: str, data: Any) -> Frame:
    message = {"jsonrpc": "2.0", "method": "subscription", "params": {"channel": channel, "data": data}}
    return Frame(0.0, json.dumps(message), message)


BUNDLE = {"instrument_name": "BTC-PERPETUAL", "trades": [], "orders": [], "positions": []}


@pytest.mark.parametrize(
    ("channel", "data", "verdict"),
    [
        ("user.orders.any.any.raw", {"order_id": "1"}, "CONFIRMED"),
        ("user.orders.any.any.raw", [{"order_id": "1"}], "REFUTED"),
        ("user.orders.any.any.100ms", [{"order_id": "1"}], "CONFIRMED"),
        ("user.orders.any.any.100ms", {"order_id": "1"}, "REFUTED"),
        ("user.changes.any.any.raw", BUNDLE, "CONFIRMED"),
        ("user.changes.any.any.raw", {"orders": []}, "REFUTED"),
    ],
)
def test_shapes_of_private_data(channel: str, data: Any, verdict: str) -> None:
    """Raw orders come one by one, others in lists, changes in a bundle of four fields."""
    assert judged_shapes([notification(channel, data)])[channel].verdict.value == verdict


class Fill(msgspec.Struct):
    price: float
    fee: float | msgspec.UnsetType | None = msgspec.UNSET


@pytest.mark.parametrize(
    ("raw", "seen"),
    [
        (b'[{"price": 1}, {"price": 2.5e3, "fee": null}]', "1 decoded"),
        (b'[{"price": 1, "tax": 2}, {"price": 1, "rebate": {}}]', "unknown fields: [].rebate [].tax"),
        (b'[{"price": "market_price"}]', "not decoded: Expected `float`, got `str` - at `$[0].price`"),
    ],
)
def test_drift(raw: bytes, seen: str) -> None:
    """A payload drifts when it does not decode, or has a field its type does not know."""
    drift = Drift()
    drift.add(raw, msgspec.json.Decoder(list[Fill]).decode)

    assert drift.finding().seen == seen


def test_drift_of_values() -> None:
    """A value that comes back as another is named."""
    drift = Drift()
    drift.add(b'{"price": 1.5}', lambda raw: {"price": 2})

    assert drift.finding().seen == "values not kept: price"


def test_channels_of_production() -> None:
    """Each of the 43 patterns production has gives one name, without a placeholder."""
    names = {**public_channels(), **private_channels()}

    assert len(names) == 43
    assert not any(set("{}*>") & set(name) for name in names.values())


LOGIN = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "public/auth",
    "params": {"grant_type": "client_credentials", "client_id": CLIENT_ID, "client_secret": SECRET},
}


def test_secrets_are_masked_in_frames() -> None:
    """No secret is left of a frame, wherever it stands, once any frame has shown that it is one."""
    mask = Mask()
    shown = mask.frame(json.dumps(LOGIN))
    tokens = mask.frame('{"result": {"access_token": "a-token-of-some-length", "email": "a@b.example"}}')
    echoed = mask.frame(json.dumps({"error": {"data": {SECRET: f"bad {SECRET}"}}}))
    broken = mask.frame('{"refresh_token": "another-token", cut')

    assert shown["params"] == {
        "grant_type": "client_credentials",
        "client_id": "***",
        "client_secret": "***",
    }
    assert tokens == {"result": {"access_token": "***", "email": "***"}}
    assert echoed == {"error": {"data": {"***": "bad ***"}}}
    assert broken == '{"refresh_token": "***", cut'
    assert mask.words("told of a-token-of-some-length\x1b[2J") == r"told of ***\x1b[2J"


def test_secrets_are_masked_in_what_is_told(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A finding that quotes a secret is printed and written without it."""
    check = CHECKS[0]
    report = Report("wss://test.example", [check], Mask(SECRET))
    report.tell(Result(check, {SECRET: refuted(f"it said {SECRET}\nCONFIRMED")}, 0.5, []))
    report.table()
    report.write(tmp_path / "evidence.json")
    printed, written = capsys.readouterr().out, (tmp_path / "evidence.json").read_text()

    assert SECRET not in printed + written
    assert "it said ***\\x0aCONFIRMED" in printed


def test_evidence_is_bounded() -> None:
    """Of a long run the first and last frames are kept, and how many are missing is said."""
    evidence = Evidence(Mask())
    for number in range(1_000):
        evidence.note(number, 1, "received", json.dumps({"id": number}))
    frames = evidence.frames()

    assert (frames[0]["frame"], frames[-1]["frame"]) == ({"id": 0}, {"id": 999})
    assert frames[40] == {"left_out": 920}
    evidence.note(0, 1, "sent", json.dumps({"padding": "x" * 33_000, "client_secret": SECRET}))
    assert len(evidence.frames()[-1]["frame"]) < 2_100
    assert SECRET not in str(evidence.frames())


@pytest.mark.looptime
async def test_pace_stays_within_the_credits(looptime: Any) -> None:
    """However many requests are made, none exceeds 10 subscribes at once and 3.3 a second."""
    pace = Pace()
    level, refill, at = 10.0, 1 / 0.3, 0.0  # Deribit's pool, in calls
    for _ in range(50):
        await pace.turn("public/subscribe")
        now = looptime
        level, at = min(10.0, level + (float(now) - at) * refill) - 1, float(now)

        assert level >= 0
