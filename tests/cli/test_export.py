"""`deribit-ws export`: a recording as tables that hold all of it, with proper types."""

import asyncio
import csv
import json
import sys
from argparse import Namespace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args, get_origin

import pytest

from deribit_ws.cli.arguments import parser
from deribit_ws.cli.export import run
from deribit_ws.cli.export.kinds import columns_of
from deribit_ws.cli.export.parquet import ParquetFile
from deribit_ws.cli.export.sorting import Table
from deribit_ws.recorder import Record
from deribit_ws.wire.channels import families_meant
from deribit_ws.wire.patterns import Pattern
from tests.cli.conftest import Run
from tests.cli.recorded import BOOK, DAY, TICKER, TRADES, at, said, ticker, trade, write
from tests.cli.shell import ROOT, ran, unmeasured

PAYLOADS = {
    get_args(family.payload)[0] if get_origin(family.payload) is list else family.payload
    for family in families_meant(Pattern(">"))
    if family.payload is not None
}


def when(seconds: float) -> datetime:
    return datetime(2026, 11, 22, 12, tzinfo=UTC) + timedelta(seconds=seconds)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def rows(folder: Path, table: str) -> list[dict[str, Any]]:
    """A Parquet table, a dict a row."""
    parquet = pytest.importorskip("pyarrow.parquet")
    return list(parquet.read_table(folder / f"{table}.parquet").to_pylist())


def cells(folder: Path, table: str) -> list[dict[str, str]]:
    """A CSV table, a dict a row."""
    with (folder / f"{table}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def exported(in_place: Run, tmp_path: Path, records: list[Record], to: str = "parquet") -> dict[str, Any]:
    """Export records into the folder `out`; give the summary."""
    path = write(tmp_path / "day.jsonl.gz", records)
    ended = in_place("export", str(path), "--to", to, "--out", str(tmp_path / "out"))
    assert ended.status == 0, ended.err
    summary: dict[str, Any] = ended.objects[0]
    return summary | {"said": ended.complaints}


def test_tables_of_a_day(in_place: Run, tmp_path: Path) -> None:
    """There is one table for each family of channels, a row for each message, or item of a list."""
    summary = exported(in_place, tmp_path, DAY)
    out = tmp_path / "out"

    assert summary["tables"] == {"connections": 7, "book": 1, "ticker": 1, "trades": 3}
    assert names(out) == [f"{table}.parquet" for table in ("book", "connections", "ticker", "trades")]
    assert [row["trade_seq"] for row in rows(out, "trades")] == [1, 2, 5]
    assert [row["connection"] for row in rows(out, "trades")] == [1, 1, 2]
    assert (summary["messages"], summary["other_frames"], summary["drops"], summary["whole"]) == (
        4,
        2,
        1,
        True,
    )
    assert summary["said"] == []


def test_types_of_parquet(in_place: Run, tmp_path: Path) -> None:
    """Times are times in UTC, numbers numbers, a book's sides lists of levels; what was left out is null."""
    exported(in_place, tmp_path, DAY)
    out = tmp_path / "out"
    (book,), (tick,), first = rows(out, "book"), rows(out, "ticker"), rows(out, "trades")[0]

    assert book["bids"] == [{"action": "new", "price": 90_000.0, "amount": 10.0}] and book["asks"] == []
    assert (book["received_at"], book["timestamp"]) == (when(0.4), when(0.4))
    assert (tick["channel"], tick["mark_price"], tick["last_price"]) == (TICKER, 90_000.0, None)
    assert (first["price"], first["direction"], first["trade_id"]) == (90_000.5, "buy", "8")


def test_life_of_the_links(in_place: Run, tmp_path: Path) -> None:
    """The table `connections` tells when each link was opened, live and lost, and why."""
    exported(in_place, tmp_path, DAY)
    told = rows(tmp_path / "out", "connections")

    assert [row["event"] for row in told] == ["opened", "live", "lost", "opened", "live", "lost", "end"]
    lost = {"at": when(1.5), "connection": 1, "event": "lost", "code": 4000, "reason": "bye", "frames": None}
    assert told[2] == lost


def test_csv_says_the_same(in_place: Run, tmp_path: Path) -> None:
    """CSV has the same rows: times in ISO 8601, lists as JSON, nothing as an empty cell."""
    summary = exported(in_place, tmp_path, DAY, "csv")
    out = tmp_path / "out"
    (book,), (tick,) = cells(out, "book"), cells(out, "ticker")

    assert summary["tables"] == {"connections": 7, "book": 1, "ticker": 1, "trades": 3}
    assert (book["received_at"], book["timestamp"]) == (
        "2026-11-22T12:00:00.400000Z",
        "2026-11-22T12:00:00.400Z",
    )
    assert json.loads(book["bids"]) == [["new", 90_000.0, 10.0]]
    assert (tick["mark_price"], tick["last_price"]) == ("90000.0", "")


@pytest.mark.parametrize("to", ["parquet", "csv"])
def test_nothing_is_left_out_in_silence(in_place: Run, tmp_path: Path, to: str) -> None:
    """What can't be read or fits no column is in `unreadable`, unknown channels in `other`; it is told."""
    records = [
        said(1, "brand.new", {"a": [1]}),
        said(2, TICKER, {"timestamp": "never"}),
        said(3, TICKER, ticker(3, 1.0) | {"timestamp": 10**30}),
        said(4, TICKER, ticker(4, 2.0, tomorrow=1, later=2)),
        Record(at(5), 1, received="{cut off"),
        said(6, TICKER, ticker(6, 3.0)),
        said(7, "ticker.ETH-PERPETUAL.100ms", ticker(7, 4.0, tomorrow=1)),
        Record(at(8), event="left_out", frames=12, reason="the disk was too slow"),
    ]
    summary = exported(in_place, tmp_path, records, to)
    out = tmp_path / "out"
    read: Any = rows if to == "parquet" else cells
    bad, other = read(out, "unreadable"), read(out, "other")

    assert summary["tables"] == {"other": 1, "ticker": 3, "unreadable": 3, "connections": 1}
    assert summary["left_out"] == 12
    assert other[0]["data"] == '{"a":[1]}'
    assert [json.loads(row["frame"]).get("timestamp") for row in bad[-1:]] == [10**30]
    assert "{cut off" in {row["frame"] for row in bad} and all(row["why"] for row in bad)
    assert summary["said"] == [
        "warning: 3 messages could not be read: see the table unreadable",
        "warning: ticker: fields not exported: tomorrow",
        "warning: at least 12 frames are missing in the recording",
        "warning: the recording breaks off; all that was written is here",
    ]


@pytest.mark.parametrize("payload", PAYLOADS, ids=lambda payload: payload.__name__)
def test_every_payload_has_columns(payload: Any, tmp_path: Path) -> None:
    """Each field of each channel's payload is in a column, and Parquet has a type for it."""
    pytest.importorskip("pyarrow")
    columns = columns_of(payload)
    names = [column.name for column in columns]
    file = ParquetFile(Table("any", columns), tmp_path / "any.parquet")
    file.close()

    assert len(set(names)) == len(names)
    assert {name.partition(".")[0].removesuffix("_word") for name in names} == set(payload.__struct_fields__)


def test_words_in_place_of_prices(in_place: Run, tmp_path: Path) -> None:
    """A price that is a word at times is a column of numbers, and one of words beside it."""
    records = [said(0, TICKER, ticker(0, 1.0, estimated_delivery_price=price)) for price in (5.5, "expired")]
    exported(in_place, tmp_path, records)
    told = rows(tmp_path / "out", "ticker")

    assert [row["estimated_delivery_price"] for row in told] == [5.5, None]
    assert [row["estimated_delivery_price_word"] for row in told] == [None, "expired"]


def test_nested_things(in_place: Run, tmp_path: Path) -> None:
    """Objects become columns of their own, lists of objects lists, maps maps, ids text."""
    legs = [trade(0, 1), trade(0, 2, legs=[trade(0, 3)])]
    records = [
        said(0, TICKER, ticker(0, 1.0, stats={"high": 9, "low": None})),
        said(1, TRADES, [trade(1, 4, legs=legs, block_trade_id=77)]),
        said(
            2,
            "user.portfolio.btc",
            {"balance": 1, "equity": 2, "currency": "BTC", "delta_total_map": {"x": 3}},
        ),
    ]
    exported(in_place, tmp_path, records)
    out = tmp_path / "out"
    (tick,), (combo,), (sums,) = rows(out, "ticker"), rows(out, "trades"), rows(out, "user.portfolio")

    assert (tick["stats.high"], tick["stats.low"], tick["stats.volume"]) == (9.0, None, None)
    assert [leg["trade_seq"] for leg in combo["legs"]] == [1, 2] and combo["block_trade_id"] == "77"
    assert json.loads(combo["legs"][1]["legs"])[0]["trade_seq"] == 3
    assert sums["delta_total_map"] == [("x", 3.0)]


def test_the_two_kinds_of_book_part(in_place: Run, tmp_path: Path) -> None:
    """Grouped books have a table of their own."""
    grouped = {"timestamp": 1, "change_id": 1, "instrument_name": "X", "bids": [[1, 2]], "asks": []}
    exported(in_place, tmp_path, [*DAY, said(3, "book.X.none.10.100ms", grouped)])

    assert rows(tmp_path / "out", "book_grouped")[0]["bids"] == [{"price": 1.0, "amount": 2.0}]
    assert [row["channel"] for row in rows(tmp_path / "out", "book")] == [BOOK]


def test_many_batches_are_one_table(in_place: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However often a table is written to, it holds each row once, in order."""
    monkeypatch.setattr("deribit_ws.cli.export.exporting.BATCH_ROWS", 7)
    exported(in_place, tmp_path, [said(n, TICKER, ticker(n, float(n))) for n in range(100)])

    assert [row["mark_price"] for row in rows(tmp_path / "out", "ticker")] == list(map(float, range(100)))


def test_default_folder_is_beside_the_file(in_place: Run, tmp_path: Path) -> None:
    """Without --out the tables go to a folder named as the recording, without its endings."""
    ended = in_place("export", str(write(tmp_path / "day.jsonl.gz")), "--to", "csv")

    assert ended.status == 0 and ended.objects[0]["folder"] == str(tmp_path / "day")
    assert names(tmp_path) == ["day", "day.jsonl.gz"]


def test_an_empty_folder_is_taken(in_place: Run, tmp_path: Path) -> None:
    """A folder that is there and empty, or whose parents are not there yet, will do."""
    (tmp_path / "out").mkdir()
    exported(in_place, tmp_path, DAY, "csv")
    deep = tmp_path / "a" / "b"
    ended = in_place("export", str(tmp_path / "day.jsonl.gz"), "--to", "csv", "--out", str(deep))

    assert ended.status == 0 and (deep / "book.csv").is_file() and (tmp_path / "out" / "book.csv").is_file()


def test_nothing_is_overwritten(in_place: Run, tmp_path: Path) -> None:
    """A folder with something in it, or a file, is refused with one line and stays as it is."""
    path = write(tmp_path / "day.jsonl")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("mine")
    for out in (tmp_path / "out", path):
        ended = in_place("export", str(path), "--to", "csv", "--out", str(out))

        assert ended.status == 2 and len(ended.complaints) == 1 and "there already" in ended.err
    assert names(tmp_path / "out") == ["mine"]


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ([], "--to"),
        (["--to", "xml"], "parquet"),
        (["--to", "csv", "--out", "/dev/null/x"], "/dev/null is no folder"),
    ],
)
def test_wrong_words_are_one_line(in_place: Run, tmp_path: Path, words: list[str], named: str) -> None:
    """A missing or unknown format, or a folder that can't be made, is one line and status 2."""
    ended = in_place("export", str(write(tmp_path / "day.jsonl")), *words)

    assert (ended.status, ended.out) == (2, "")
    assert len(ended.complaints) == 1 and named in ended.err


async def test_without_pyarrow_the_extra_is_named(tmp_path: Path) -> None:
    """Without pyarrow Parquet names what to install, before anything is read; CSV needs nothing."""
    (tmp_path / "pyarrow.py").write_text("raise ImportError")
    path = write(tmp_path / "day.jsonl")
    without = {"PYTHONPATH": f"{tmp_path}:{ROOT}"}
    parquet, plain = await asyncio.gather(
        ran("export", str(path), "--to", "parquet", **without),
        ran("export", str(path), "--to", "csv", **without),
    )

    assert (parquet.status, parquet.out) == (2, "")
    assert len(parquet.complaints) == 1 and "deribit_ws[parquet]" in parquet.err
    assert plain.status == 0


@pytest.fixture
def many(tmp_path: Path) -> Namespace:
    """Options to export more than can be done at once."""
    path = write(tmp_path / "day.jsonl", (said(n, TICKER, ticker(n, 1.0)) for n in range(5000)))
    return parser(lambda: "").parse_args(["export", str(path), "--to", "csv", "--out", str(tmp_path / "out")])


@pytest.mark.usefixtures("in_place")  # puts logging back
async def test_one_that_is_interrupted_leaves_nothing(many: Namespace, tmp_path: Path) -> None:
    """An export that is ended by a signal leaves no folder behind, whole or in parts."""
    exporting = asyncio.create_task(run(many))
    await asyncio.sleep(0.01)
    exporting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await exporting

    assert names(tmp_path) == ["day.jsonl"]


async def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    """A disk that takes no more ends it with status 1, one line, and nothing left behind."""
    path = write(tmp_path / "day.jsonl.gz", (said(n, TICKER, ticker(n, 1.0)) for n in range(5000)))
    words = f"ulimit -f 64; exec {sys.executable} -m deribit_ws export {path} --to csv"
    process = await asyncio.create_subprocess_exec(
        "bash", "-c", words, cwd=ROOT, env=unmeasured(), stderr=asyncio.subprocess.PIPE
    )
    _, err = await process.communicate()

    assert process.returncode == 1 and len(err.splitlines()) == 1 and b"File too large" in err
    assert names(tmp_path) == ["day.jsonl.gz"]
